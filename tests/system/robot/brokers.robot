# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
*** Settings ***
Documentation     Brokers that are killed.
Library           DevbusLibrary.py
Suite Setup       Start Device
Suite Teardown    Stop Device
Test Setup        Forget Messages

*** Test Cases ***
The Local Broker Is Killed
    Kill Broker    local
    Start Broker    local
    Bridge Should Work Within    20

The Cloud Broker Is Killed
    Kill Broker    cloud
    Start Broker    cloud
    Bridge Should Work Within    20

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
*** Settings ***
Documentation     Durable events arrive once and in order.
Library           DevbusLibrary.py
Suite Setup       Start Device
Suite Teardown    Stop Device
Test Setup        Forget Messages

*** Test Cases ***
Nothing Is Lost On A Good Day
    Publish Events    500    rate=1000
    Events Should Be Confirmed Within    30
    No Events Should Be Lost
    Stop Service    worker

Nothing Is Lost When The Local Broker Is Killed
    Publish Events    2000    rate=1000
    Kill Broker    local
    Start Broker    local
    Events Should Be Confirmed Within    30
    No Events Should Be Lost

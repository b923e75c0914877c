# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
*** Settings ***
Documentation     What is sent to a service that is down waits for it.
Library           DevbusLibrary.py
Suite Setup       Start Device
Suite Teardown    Stop Device
Test Setup        Forget Messages

*** Test Cases ***
A Killed Service Gets The Command When It Is Back
    Kill Service    sensor
    ${id} =    Send Command    sensor    list
    Should Not Receive Within    1    event/sensor/list    id=${id}
    Start Service    sensor
    Command Should End Within    10    sensor    list    ${id}    succeeded

A Frozen Service Answers When It Is Thawed
    Freeze    sensor
    ${id} =    Send Command    sensor    list
    Should Not Receive Within    1    event/sensor/list    id=${id}
    Thaw    sensor
    Command Should End Within    10    sensor    list    ${id}    succeeded

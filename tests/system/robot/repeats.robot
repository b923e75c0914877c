# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
*** Settings ***
Documentation     The same id runs once, whatever happens in between.
Library           DevbusLibrary.py
Suite Setup       Start Device
Suite Teardown    Stop Device
Test Setup        Forget Messages

*** Test Cases ***
The Same Id Runs Once
    Send Command    sensor    list    identity=once
    Send Command    sensor    list    identity=once
    Command Should End Within    5    sensor    list    once    succeeded
    Command Should Have One Final State    once

The Same Id Is Known After A Restart
    Send Command    sensor    list    identity=known
    Command Should End Within    5    sensor    list    known    succeeded
    Kill Service    sensor
    Start Service    sensor
    Send Command    sensor    list    identity=known
    Command Should Have One Final State    known

The Same Id With Other Arguments Is Rejected
    Send Command    config    get    {}    identity=mine
    Command Should End Within    5    config    get    mine    succeeded
    Send Command    config    get    {"section": "sensor"}    identity=mine
    Should Receive Within    5    event/config/get    id=mine    state=rejected    error__code=duplicate-id

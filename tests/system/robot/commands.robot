# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
*** Settings ***
Documentation     Commands of the cloud and their answers.
Library           DevbusLibrary.py
Suite Setup       Start Device
Suite Teardown    Stop Device
Test Setup        Forget Messages

*** Test Cases ***
A Command Succeeds
    ${id} =    Send Command    sensor    list
    Should Receive Within    5    event/sensor/list    id=${id}    state=accepted
    Command Should End Within    5    sensor    list    ${id}    succeeded
    Command Should Have One Final State    ${id}

An Unknown Command Is Rejected
    ${id} =    Send Command    sensor    no-such-thing
    Command Should End Within    5    sensor    no-such-thing    ${id}    rejected    unknown-command

An Expired Command Is Rejected
    ${id} =    Send Command    sensor    list    expires=2001-01-01T00:00:00.000Z
    Command Should End Within    5    sensor    list    ${id}    rejected    expired

A Malformed Command Is Rejected
    Send Raw    command/sensor/list    this is no JSON
    Should Receive Within    5    event/sensor/list    state=rejected    error__code=malformed

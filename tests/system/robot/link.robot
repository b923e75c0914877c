# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
*** Settings ***
Documentation     The link to the cloud breaks in every way.
Library           DevbusLibrary.py
Suite Setup       Start Device
Suite Teardown    Stop Device
Test Setup        Forget Messages

*** Test Cases ***
A Cut Link Is Made Again
    Cut Link
    Bridge Should Work Within    20

Commands Sent While The Link Is Closed Arrive
    Close Link
    ${id} =    Send Command    sensor    list
    Should Not Receive Within    1    event/sensor/list    id=${id}
    Heal Link
    Command Should End Within    20    sensor    list    ${id}    succeeded

A Link That Swallows Everything
    Black Hole Link
    ${id} =    Send Command    sensor    list
    Should Not Receive Within    2    event/sensor/list    id=${id}
    Heal Link
    Command Should End Within    20    sensor    list    ${id}    succeeded

# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
*** Settings ***
Documentation     A reboot is done when the device is back.
Library           DevbusLibrary.py
Suite Setup       Start Device
Suite Teardown    Stop Device
Test Setup        Forget Messages

*** Test Cases ***
The Device Reboots
    ${id} =    Send Command    reboot    start    {"delay_s": 0, "reason": "test"}
    Command Should End Within    20    reboot    start    ${id}    succeeded
    Should Receive Within    5    event/reboot/boot
    Command Should Have One Final State    ${id}

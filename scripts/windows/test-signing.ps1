<#
.SYNOPSIS
Lets Windows load drivers with a test signature, or not any more. Takes effect with the next start.
.PARAMETER On
Test mode on. Windows shows it in the corner of the screen.
.PARAMETER Off
Test mode off.
.EXAMPLE
powershell -ExecutionPolicy Bypass -File test-signing.ps1 -On
#>
#Requires -Version 2.0
[CmdletBinding()]
param([switch] $On, [switch] $Off)

. (Join-Path (Split-Path -Parent $MyInvocation.MyCommand.Path) 'common.ps1')
Assert-Administrator
if ($On -eq $Off) { throw 'Say -On or -Off.' }

if ($On) {
    # bcdedit refuses with Secure Boot, in words that do not tell what to do.
    $state = 'HKLM:\SYSTEM\CurrentControlSet\Control\SecureBoot\State'
    if ((Test-Path $state) -and (Get-ItemProperty $state).UEFISecureBootEnabled -eq 1) {
        throw 'Secure Boot is on, so test mode cannot be. Turn it off in the firmware''s settings (with BitLocker on, have the recovery key at hand), then run this again.'
    }
    $integrity = 'HKLM:\SYSTEM\CurrentControlSet\Control\DeviceGuard\Scenarios\HypervisorEnforcedCodeIntegrity'
    if ((Test-Path $integrity) -and (Get-ItemProperty $integrity).Enabled -eq 1) {
        Write-Warning 'Memory integrity is on (Windows Security, Device security, Core isolation). If the driver is not loaded, turn it off.'
    }
}
$value = if ($On) { 'on' } else { 'off' }
Invoke-Program bcdedit @('/set', 'testsigning', $value)
Write-Host 'Restart Windows: it takes effect then.'

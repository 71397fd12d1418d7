<#
.SYNOPSIS
Lets Driver Verifier watch loopcam.sys, or not any more. Takes effect with the next start.
.DESCRIPTION
The flags are those that say something about a driver without hardware on AVStream; the KS rules are among them where
Windows has them (10 and later). A violation stops Windows with a blue screen: use a test machine.
.PARAMETER On
Watch: standard flags, DDI compliance, code integrity, KS rules.
.PARAMETER LowResources
With -On: let allocations fail at random as well.
.PARAMETER Off
Stop all watching.
.PARAMETER Query
Show what is set and what was counted.
.EXAMPLE
powershell -ExecutionPolicy Bypass -File verifier.ps1 -On
#>
#Requires -Version 2.0
[CmdletBinding()]
param([switch] $On, [switch] $LowResources, [switch] $Off, [switch] $Query)

. (Join-Path (Split-Path -Parent $MyInvocation.MyCommand.Path) 'common.ps1')
Assert-Administrator
if (@($On, $Off, $Query | Where-Object { $_ }).Count -ne 1) { throw 'Say one of -On, -Off and -Query.' }

if ($Query) {
    Invoke-Program verifier @('/querysettings')
    Invoke-Program verifier @('/query')
    return
}
# verifier.exe ends with 2 when a restart is needed.
if ($Off) {
    Invoke-Program verifier @('/reset') @(0, 2)
    Write-Host 'Restart Windows: it takes effect then.'
    return
}

# https://learn.microsoft.com/windows-hardware/drivers/devtest/driver-verifier-options
$flags = 0x1 -bor 0x2 -bor 0x8 -bor 0x10 -bor 0x20  # special pool, IRQL, pool tracking, I/O, deadlocks
$flags = $flags -bor 0x80 -bor 0x100 -bor 0x800     # DMA, security, miscellaneous
$windows = Get-WindowsVersion
if ($windows -ge [Version]'6.2') { $flags = $flags -bor 0x20000 }                     # DDI compliance
if ($windows -ge [Version]'10.0') { $flags = $flags -bor 0x10000 -bor 0x2000000 }     # KS rules, code integrity
if ($LowResources) { $flags = $flags -bor 0x4 }
Invoke-Program verifier @('/flags', ('0x{0:X}' -f $flags), '/driver', 'loopcam.sys') @(0, 2)
Write-Host 'Restart Windows: it takes effect then. If it does not start any more: safe mode, then verifier.ps1 -Off.'

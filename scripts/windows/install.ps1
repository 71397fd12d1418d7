<#
.SYNOPSIS
Installs the loopback camera on Windows 7 or later (on XP: install-xp.cmd).
.DESCRIPTION
Trusts the test certificate, makes the device Root\Loopcam if there is none, and installs the driver for it. Windows
must be in test mode: test-signing.ps1 -On. The package for this Windows is found beside the folder of the scripts.
.PARAMETER Package
The folder with the .inf, if it is to be another.
.PARAMETER Certificate
The .cer file, if it is to be another.
.EXAMPLE
powershell -ExecutionPolicy Bypass -File install.ps1
#>
#Requires -Version 2.0
[CmdletBinding()]
param([string] $Package, [string] $Certificate)

. (Join-Path (Split-Path -Parent $MyInvocation.MyCommand.Path) 'common.ps1')
Assert-Administrator
$top = Split-Path -Parent (Split-Path -Parent $MyInvocation.MyCommand.Path)
$windows = Get-WindowsVersion

# Windows 7 checks SHA-1 for certain, and SHA-256 after an update only.
if ($windows -ge [Version]'10.0.19041') { $set, $cer = 'windows-10-2004', 'loopcam-test.cer' }
elseif ($windows -ge [Version]'6.2') { $set, $cer = 'windows-8', 'loopcam-test.cer' }
else { $set, $cer = 'windows-xp', 'loopcam-test-sha1.cer' }
if (-not $Package) { $Package = Join-Path $top $set }
if (-not $Certificate) { $Certificate = Join-Path $top $cer }

$inf = @(Get-ChildItem (Join-Path $Package '*.inf'))
if ($inf.Count -ne 1) { throw "$Package should hold one .inf file." }
$inf = $inf[0].FullName

# A package that was signed with another certificate comes without a .cer.
if (Test-Path $Certificate) {
    $cer = New-Object Security.Cryptography.X509Certificates.X509Certificate2($Certificate)
    # Root, so that the signature is valid; TrustedPublisher, so that nobody is asked.
    foreach ($name in 'Root', 'TrustedPublisher') {
        $store = New-Object Security.Cryptography.X509Certificates.X509Store($name, 'LocalMachine')
        $store.Open('ReadWrite')
        $store.Add($cer)
        $store.Close()
    }
    Write-Host "This machine trusts `"$($cer.Subject)`" now; remove.ps1 takes that back."
}

Import-RootDevice
$there = [Loopcam.RootDevice]::Count($HardwareId)
if ($there -gt 0) {
    Write-Host "$there device(s) $HardwareId are there; their driver is replaced."
    $restart = [Loopcam.RootDevice]::Update($inf, $HardwareId)
} else {
    $restart = [Loopcam.RootDevice]::Install($inf, $HardwareId)
}
Write-Host "Installed $inf."
if ($restart) { Write-Warning 'Restart Windows to finish.' }

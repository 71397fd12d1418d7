<#
.SYNOPSIS
Removes the loopback camera: devices, driver package and trust in the test certificate.
.EXAMPLE
powershell -ExecutionPolicy Bypass -File remove.ps1
#>
#Requires -Version 2.0
[CmdletBinding()]
param()

. (Join-Path (Split-Path -Parent $MyInvocation.MyCommand.Path) 'common.ps1')
Assert-Administrator
$top = Split-Path -Parent (Split-Path -Parent $MyInvocation.MyCommand.Path)

Import-RootDevice
Write-Host "Removed $([Loopcam.RootDevice]::Remove($HardwareId)) device(s) $HardwareId."

foreach ($inf in @(Get-InstalledPackage)) {
    # The form that came with Windows 10 1607, and the one before.
    if ((Get-WindowsVersion) -ge [Version]'10.0.14393') {
        Invoke-Program pnputil @('/delete-driver', $inf.Name, '/uninstall', '/force')
    } else {
        Invoke-Program pnputil @('-f', '-d', $inf.Name)
    }
}

foreach ($file in @(Get-ChildItem (Join-Path $top '*.cer') -ErrorAction SilentlyContinue)) {
    $cer = New-Object Security.Cryptography.X509Certificates.X509Certificate2($file.FullName)
    foreach ($name in 'Root', 'TrustedPublisher') {
        $store = New-Object Security.Cryptography.X509Certificates.X509Store($name, 'LocalMachine')
        $store.Open('ReadWrite')
        $store.Remove($cer)
        $store.Close()
    }
    Write-Host "This machine does not trust `"$($cer.Subject)`" any more."
}

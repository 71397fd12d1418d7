<#
.SYNOPSIS
Collects what helps to find out why the camera does not work, in a folder to look at and to pass on.
.DESCRIPTION
Windows' version and boot settings, the device and its driver, what installing it logged, Driver Verifier's state,
relevant events, what compliance.ps1 found last, and the list of crash dumps (not the dumps). Nothing is changed and nothing is sent.
.PARAMETER Folder
Where to leave it.
.EXAMPLE
powershell -ExecutionPolicy Bypass -File report.ps1
#>
#Requires -Version 2.0
[CmdletBinding()]
param([string] $Folder = (Join-Path ([Environment]::GetFolderPath('Desktop')) ('loopcam-report-{0:yyyyMMdd-HHmmss}' -f (Get-Date))))

. (Join-Path (Split-Path -Parent $MyInvocation.MyCommand.Path) 'common.ps1')
Assert-Administrator
New-Item -ItemType Directory -Path $Folder -Force | Out-Null

# Each part in a file of its own; one that fails leaves its error there.
function Save([string] $Name, [scriptblock] $Part) {
    $file = Join-Path $Folder $Name
    try { & $Part 2>&1 | Out-String -Width 200 | Set-Content $file -Encoding UTF8 }
    catch { "failed: $_" | Set-Content $file -Encoding UTF8 }
    Write-Host $file
}

Save 'windows.txt' {
    Get-WmiObject Win32_OperatingSystem | Format-List Caption, Version, BuildNumber, OSArchitecture, LastBootUpTime
    Get-WmiObject Win32_ComputerSystem | Format-List Manufacturer, Model, TotalPhysicalMemory, NumberOfLogicalProcessors
}
Save 'boot.txt' { bcdedit /enum '{current}' }
Save 'devices.txt' {
    Get-WmiObject Win32_PnPEntity |
        Where-Object { @($_.HardwareID) -contains $HardwareId -or $_.PNPClass -eq 'Camera' -or $_.PNPClass -eq 'Image' } |
        Format-List Name, DeviceID, HardwareID, Status, ConfigManagerErrorCode, Service, PNPClass
}
Save 'driver.txt' {
    Get-WmiObject Win32_SystemDriver -Filter "Name='loopcam'" | Format-List *
    Get-WmiObject Win32_SystemDriver -Filter "Name='loopcam'" | ForEach-Object {
        $path = $_.PathName -replace '^\\\?\?\\', '' -replace '^\\SystemRoot', $env:windir
        (Get-Item $path).VersionInfo | Format-List *
        Get-AuthenticodeSignature $path | Format-List *
    }
}
Save 'packages.txt' { Get-InstalledPackage | ForEach-Object { "$($_.FullName):"; Get-Content $_.FullName; '' } }
Save 'interfaces.txt' {
    # The camera's and the test source's classes.
    foreach ($class in '65E8773D-8F56-11D0-A3B9-00A0C9223196', 'E5323777-F976-4F5B-9B55-B94699C46E44', '3D7A9C14-0B5E-4C86-9E27-F4A6B1D80C53') {
        $key = "HKLM:\SYSTEM\CurrentControlSet\Control\DeviceClasses\{$class}"
        if (Test-Path $key) { Get-ChildItem $key | ForEach-Object { $_.Name } }
    }
}
Save 'verifier.txt' { verifier /querysettings; verifier /query }
Save 'events.txt' {
    Get-EventLog System -Newest 5000 |
        Where-Object { $_.Message -match 'loopcam' -or $_.Source -match 'BugCheck|Service Control Manager|PnP' } |
        Select-Object -First 100 | Format-List TimeGenerated, Source, EventID, Message
}
Save 'dumps.txt' { Get-ChildItem "$env:windir\MEMORY.DMP", "$env:windir\Minidump", "$env:windir\LiveKernelReports" -ErrorAction SilentlyContinue }
Save 'setup.txt' {
    $log = "$env:windir\INF\setupapi.dev.log"
    $lines = @(Get-Content $log)
    $lines[[Math]::Max(0, $lines.Count - 5000)..($lines.Count - 1)]
}
# compliance.ps1 is not run from here: it may stop a Windows whose driver is faulty.
Save 'compliance.txt' {
    $last = Get-ChildItem (Join-Path ([Environment]::GetFolderPath('Desktop')) 'loopcam-compliance-*') -ErrorAction SilentlyContinue |
        Sort-Object Name | Select-Object -Last 1
    if ($last) { $last.FullName; Get-Content (Join-Path $last.FullName 'compliance.txt') }
    else { 'compliance.ps1 has left nothing on the desktop.' }
}
Write-Host "The report is in $Folder."

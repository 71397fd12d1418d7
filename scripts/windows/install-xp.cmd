@echo off
rem Installs the loopback camera on Windows XP x64, which has no PowerShell. Windows XP checks no signatures of drivers
rem when it loads them; while installing it may ask whether an unsigned driver is wanted: "Continue Anyway".
setlocal
set INF=%~dp0..\windows-xp\loopcam-legacy.inf
if not exist "%INF%" (
  echo %INF% is missing.
  exit /b 1
)
where devcon >nul 2>nul
if errorlevel 1 goto wizard
devcon install "%INF%" Root\Loopcam
exit /b %errorlevel%

:wizard
echo devcon.exe (amd64, of the WDK 7.1) is not in PATH, so you do it by hand:
echo   1. "Yes, I have already connected the hardware", then, at the end of the list, "Add a new hardware device".
echo   2. "Install the hardware that I manually select from a list".
echo   3. "Show All Devices", "Have Disk...": %INF%
echo   4. "Loopcam loopback camera".
start rundll32.exe shell32.dll,Control_RunDLL hdwwiz.cpl
exit /b 0

@echo off
rem "make html" builds the documentation; any other builder of Sphinx works as a target too.
pushd %~dp0
if "%SPHINXBUILD%" == "" set SPHINXBUILD=sphinx-build
where /q %SPHINXBUILD%
if errorlevel 1 (
    echo %SPHINXBUILD% was not found: install Sphinx, or set SPHINXBUILD to its path.
    popd
    exit /b 1
)
if "%1" == "" (
    %SPHINXBUILD% -M help source build
) else (
    %SPHINXBUILD% -M %1 source build --nitpicky --fail-on-warning
)
popd

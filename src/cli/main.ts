#!/usr/bin/env node
import { commandLineEnvironment } from '../config.js';
import { runCommandLine } from './run-command-line.js';
import { processTerminal } from './terminal.js';

const environment = commandLineEnvironment();
process.exitCode = await runCommandLine(process.argv.slice(2), processTerminal(environment), environment);

import { render } from 'preact';
import { App } from './app.tsx';
import './style/tokens.css';
import './style/base.css';
import './style/shell.css';
import './style/executions.css';
import './style/execution.css';
import './style/pages.css';
import { applyTheme } from './theme.js';

applyTheme();
const root = document.getElementById('console');
if (root) render(<App />, root);

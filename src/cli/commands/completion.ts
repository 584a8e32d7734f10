import type { CommandSpec } from '../command-spec.js';
import { completionScript } from '../completion-script.js';
import { EXIT } from '../exit-codes.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export function completionOf(commands: () => readonly CommandSpec[]): CommandSpec {
  return {
    name: 'completion',
    argument: { form: 'SHELL', meaning: SHELLS.join(', '), choices: SHELLS },
    summary: 'Print a script that completes commands and options',
    description:
      'bash: eval "$(millrace completion bash)"; zsh: the same with zsh, after compinit; fish: millrace completion fish | source',
    examples: ['millrace completion bash', 'millrace completion zsh', 'millrace completion fish'],
    async run(session, [shell = '']) {
      session.line(completionScript(shell as (typeof SHELLS)[number], commands()).trimEnd());
      return EXIT.OK;
    },
  };
}

import { environmentWith, loadConfig } from '../../config.js';
import { MillraceError } from '../../model/errors.js';
import type { Problem } from '../../model/problems.js';
import { type CommandSpec, textOf } from '../command-spec.js';
import { EXIT } from '../exit-codes.js';
import { readSource, type SourceText } from '../source-places.js';
import { readText } from '../workflow-file.js';

interface FoundProblem {
  readonly line: number;
  readonly column: number;
  /** JSON pointer; empty: the whole. */
  readonly path: string;
  readonly message: string;
}

interface Verdict {
  readonly valid: boolean;
  readonly code?: string;
  readonly workflow_id?: string;
  readonly problems: readonly FoundProblem[];
}

export const validate: CommandSpec = {
  name: 'validate',
  argument: { form: 'FILE', meaning: 'a workflow as JSON; - reads stdin' },
  summary: 'Check a workflow without a server',
  description:
    'With the parser of the engine, so that what passes here is accepted there. Tells lines and JSON pointers',
  options: [
    { flags: '--handlers-dir DIR', meaning: 'check the configs of the handlers there too (HANDLERS_DIR)' },
  ],
  examples: ['millrace validate payloads/linear.json', 'millrace validate payloads/linear.json --json'],
  async run(session, [file = ''], options) {
    const text = await readText(session, file);
    const verdict = await judge(text, textOf(options, 'handlersDir'));
    session.show(verdict, ({ valid, workflow_id, code, problems }) => {
      if (valid) return `${file} is valid: workflow ${workflow_id}`;
      const lines = problems.map(
        ({ line, column, path, message }) => `${file}:${line}:${column}  ${path || '/'}  ${message}`,
      );
      return [`${file} is not valid (${code})`, ...lines].join('\n');
    });
    return verdict.valid ? EXIT.OK : EXIT.FAILED;
  },
};

async function judge(text: string, handlersDir: string | undefined): Promise<Verdict> {
  const source = readSource(text);
  if (source.fault) {
    const { line, column, message } = source.fault;
    return { valid: false, code: 'MALFORMED_JSON', problems: [{ line, column, path: '', message }] };
  }
  const { openParser } = await import('../../maintenance.js');
  const settings = handlersDir === undefined ? {} : { HANDLERS_DIR: handlersDir };
  const { parser, close } = await openParser(loadConfig(environmentWith(settings)));
  try {
    const { plan } = parser.parse(JSON.parse(text));
    return { valid: true, workflow_id: plan.workflowId, problems: [] };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { valid: false, code: error.code, problems: placed(error, source) };
  } finally {
    await close();
  }
}

/** Faults of the whole, as a cycle, name the nodes that they are about. */
function placed(error: MillraceError, source: SourceText): readonly FoundProblem[] {
  const { errors } = error.context;
  const problems = Array.isArray(errors) ? (errors as Problem[]) : [{ path: '', message: error.message }];
  return problems.map(({ path, message }) => ({ ...source.placeOf(path), path, message }));
}

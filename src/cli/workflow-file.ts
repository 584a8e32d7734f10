import { readFile } from 'node:fs/promises';
import type { Submission } from '../client/index.js';
import { usageFailure } from './command-failure.js';
import type { Session } from './session.js';

/** The text of a file, or of stdin where it is named `-`. */
export async function readText(session: Session, file: string): Promise<string> {
  if (file === '-') return session.terminal.readInput();
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw usageFailure(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export async function readSubmission(session: Session, file: string): Promise<Submission> {
  const value = parseJson(await readText(session, file), file === '-' ? 'stdin' : file);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw usageFailure(`${file} holds no JSON object; millrace validate ${file} tells more`);
  return value as Submission;
}

/** JSON, or @FILE that holds it. */
export async function readObject(
  session: Session,
  option: string,
  text: string | undefined,
): Promise<Record<string, unknown> | undefined> {
  if (text === undefined) return undefined;
  const value = text.startsWith('@')
    ? parseJson(await readText(session, text.slice(1)), text.slice(1))
    : parseJson(text, option);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw usageFailure(`${option}: expected a JSON object, or @FILE that holds one`);
  return value as Record<string, unknown>;
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usageFailure(`${what} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

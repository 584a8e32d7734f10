import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import GithubSlugger from 'github-slugger';
import { lexer, type Token, walkTokens } from 'marked';

export interface CodeBlock {
  /** Line of the fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** `skip="…"` of the info string: why it is not run. */
  readonly skip: string | undefined;
  readonly text: string;
}

export interface Document {
  /** Relative to the checkout. */
  readonly file: string;
  readonly anchors: ReadonlySet<string>;
  readonly links: readonly string[];
  /** The texts between single backticks. */
  readonly inlineCode: readonly string[];
  readonly blocks: readonly CodeBlock[];
}

const PLACES = ['.', 'docs', 'payloads', 'examples'];

/** Every Markdown document of the checkout, sorted by name. */
export function readDocuments(checkout: string): readonly Document[] {
  const files = PLACES.flatMap((place) => {
    const directory = path.join(checkout, place);
    const recursive = place !== '.';
    return readNames(directory, recursive).map((name) => path.join(place, name));
  });
  return files
    .filter((file) => file.endsWith('.md') && !file.includes('node_modules'))
    .sort()
    .map((file) => readDocument(checkout, file));
}

function readNames(directory: string, recursive: boolean): string[] {
  try {
    return readdirSync(directory, { recursive, encoding: 'utf8' });
  } catch {
    return [];
  }
}

function readDocument(checkout: string, file: string): Document {
  const text = readFileSync(path.join(checkout, file), 'utf8');
  const slugger = new GithubSlugger();
  const anchors = new Set<string>();
  const links: string[] = [];
  const inlineCode: string[] = [];
  void walkTokens(lexer(text), (token) => {
    if (token.type === 'heading') anchors.add(slugger.slug(plainText(token.tokens ?? [])));
    if (token.type === 'link' || token.type === 'image') links.push(String(token.href));
    if (token.type === 'codespan') inlineCode.push(String(token.text));
  });
  return { file, anchors, links, inlineCode, blocks: blocksOf(text) };
}

function plainText(tokens: readonly Token[]): string {
  return tokens
    .map((token) =>
      'tokens' in token && token.tokens ? plainText(token.tokens) : 'text' in token ? token.text : '',
    )
    .join('');
}

/** By hand, because a lexer does not tell lines. */
function blocksOf(text: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { line: number; info: string; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence && open) {
      const [language = ''] = open.info.split(/\s/);
      const skip = /\bskip="([^"]+)"/.exec(open.info)?.[1];
      blocks.push({ line: open.line, language, skip, text: open.lines.join('\n') });
      open = undefined;
    } else if (fence) {
      open = { line: index + 1, info: fence[1] ?? '', lines: [] };
    } else {
      open?.lines.push(line);
    }
  }
  return blocks;
}

// What the style rules look at: the repository's files as text, and its TypeScript as syntax trees.
// Used by test/tidy.test.ts and the rules beside this file.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type ParserOptions, parse } from '@babel/parser'

export interface TextFile {
  /** Relative to the root of the repository. */
  readonly path: string
  readonly text: string
}

export interface Node {
  readonly type: string
  readonly loc: { readonly start: { line: number }; readonly end: { line: number } }
  readonly [field: string]: unknown
}

export interface Comment {
  readonly text: string
  readonly firstLine: number
  readonly lastLine: number
}

export interface Source extends TextFile {
  readonly program: Node
  readonly comments: readonly Comment[]
}

/** A rule's finding: where, what is wrong, and what to do instead. */
export type Finding = string

export function finding(file: TextFile, line: number, wrong: string, remedy: string): Finding {
  return `${file.path}:${line}: ${wrong}. ${remedy}`
}

const ROOT = join(import.meta.dir, '..', '..')
const PARSER: ParserOptions = {
  sourceType: 'module',
  plugins: ['typescript', 'explicitResourceManagement'],
}

/** Every text file that is, or is about to be, in the repository. */
export function readRepository(): TextFile[] {
  return listPaths()
    .filter((path) => isText(join(ROOT, path)))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

// Outside of git (an unpacked archive) the folders are walked.
function listPaths(): string[] {
  if (existsSync(join(ROOT, '.git'))) {
    const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
    const output = execFileSync('git', ['-c', 'safe.directory=*', ...list], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    return output.split('\0').filter((path) => path !== '' && existsSync(join(ROOT, path)))
  }
  const all = [...new Bun.Glob('**/*').scanSync({ cwd: ROOT, dot: true })]
  return all.filter((path) => !/(^|\/)(node_modules|dist|\.git)\//.test(path))
}

function isText(path: string): boolean {
  return statSync(path).isFile() && !readFileSync(path).includes(0)
}

export function parseSource(file: TextFile): Source {
  const tree = parseText(file)
  const comments = (tree.comments ?? []).map((comment) => ({
    text: comment.value,
    firstLine: comment.loc?.start.line ?? 0,
    lastLine: comment.loc?.end.line ?? 0,
  }))
  return { ...file, program: tree.program as unknown as Node, comments }
}

function parseText(file: TextFile): ReturnType<typeof parse> {
  try {
    return parse(file.text, PARSER)
  } catch (error) {
    throw new Error(`${file.path}: ${(error as Error).message}`)
  }
}

/** Calls `visit` for `node` and everything below it, with the nodes above it, innermost last. */
export function walk(
  node: Node,
  visit: (node: Node, parents: readonly Node[]) => void,
  parents: Node[] = [],
): void {
  visit(node, parents)
  parents.push(node)
  for (const field of Object.values(node)) {
    if (Array.isArray(field)) {
      for (const item of field) if (isNode(item)) walk(item, visit, parents)
    } else if (isNode(field)) walk(field, visit, parents)
  }
  parents.pop()
}

// Comments hang on the nodes too, but are no syntax.
function isNode(value: unknown): value is Node {
  if (typeof value !== 'object' || value === null) return false
  const type = (value as { type?: unknown }).type
  return typeof type === 'string' && !type.startsWith('Comment')
}

export function line(node: Node): number {
  return node.loc.start.line
}

export function isFunction(node: Node): boolean {
  return (
    node.type === 'FunctionDeclaration' ||
    node.type === 'FunctionExpression' ||
    node.type === 'ArrowFunctionExpression' ||
    node.type === 'ClassMethod' ||
    node.type === 'ClassPrivateMethod' ||
    node.type === 'ObjectMethod'
  )
}

/** The dotted name of a callee such as `Bun.sleep`, or '' for anything else. */
export function calleeName(call: Node): string {
  return dottedName(call.callee as Node)
}

function dottedName(node: Node): string {
  if (node.type === 'Identifier') return node.name as string
  if (node.type === 'ThisExpression') return 'this'
  if (node.type !== 'MemberExpression' || node.computed === true) return ''
  const object = dottedName(node.object as Node)
  const property = node.property as Node
  return `${object}.${property.type === 'Identifier' ? (property.name as string) : ''}`
}

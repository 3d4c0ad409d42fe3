// Style rules about size, parameters, headers, left-over notes, paths of one machine, the lockfile, and waiting
// in tests. Used by test/tidy.test.ts.

import {
  calleeName,
  type Finding,
  finding,
  isFunction,
  line,
  type Node,
  type Source,
  type TextFile,
  walk,
} from './source.ts'

export const FILE_LINES_MAX = 400
export const FUNCTION_LINES_MAX = 70
export const PARAMETERS_MAX = 6

/** Files («path») and functions («path#name») that exceed a limit today, by how much they have. */
export type Ratchet = Readonly<Record<string, number>>

export function fileLength(sources: readonly Source[], ratchet: Ratchet): Finding[] {
  const lengths = sources.map((source) => ({
    source,
    key: source.path,
    at: 1,
    lines: source.text.split('\n').length - 1,
  }))
  return tooLong(
    lengths,
    FILE_LINES_MAX,
    ratchet,
    'Split it where a name for the part suggests itself',
  )
}

/** The callback of «describe» is a table of contents, not a function. */
export function functionLength(sources: readonly Source[], ratchet: Ratchet): Finding[] {
  const lengths: Length[] = []
  for (const source of sources) {
    walk(source.program, (node, parents) => {
      if (!isFunction(node) || isSuite(parents.at(-1))) return
      const lines = node.loc.end.line - node.loc.start.line + 1
      const key = `${source.path}#${functionName(node, parents)}`
      lengths.push({ source, key, at: line(node), lines })
    })
  }
  return tooLong(
    lengths,
    FUNCTION_LINES_MAX,
    ratchet,
    'Keep the branches, move the computing below',
  )
}

/** Also of methods that an interface asks for, and of types of functions. */
export function parameterCount(sources: readonly Source[], ratchet: Ratchet): Finding[] {
  const counts: Length[] = []
  for (const source of sources) {
    walk(source.program, (node, parents) => {
      const parameters = (node.params ?? node.parameters) as readonly Node[] | undefined
      if (!Array.isArray(parameters) || !takesValues(node)) return
      const key = `${source.path}#${functionName(node, parents)}`
      counts.push({ source, key, at: line(node), lines: parameters.length })
    })
  }
  const remedy = 'Pass what belongs together as one object: by name, or reused in hot code'
  return tooLong(counts, PARAMETERS_MAX, ratchet, remedy, 'parameters')
}

const SIGNATURE = /^TS(DeclareFunction|DeclareMethod|MethodSignature|FunctionType|ConstructorType)$/

function takesValues(node: Node): boolean {
  return isFunction(node) || SIGNATURE.test(node.type)
}

interface Length {
  readonly source: Source
  readonly key: string
  readonly at: number
  readonly lines: number
}

// Exceptions may shrink but not grow, and leave the list once they fit.
function tooLong(
  all: Length[],
  limit: number,
  ratchet: Ratchet,
  remedy: string,
  unit = 'lines',
): Finding[] {
  const found: Finding[] = []
  const long = new Set<string>()
  for (const { source, key, at, lines } of all) {
    if (lines <= limit) continue
    long.add(key)
    const allowed = Object.hasOwn(ratchet, key) ? ratchet[key] : limit
    if (lines > allowed)
      found.push(finding(source, at, `${key} has ${lines} ${unit} of ${allowed}`, remedy))
    if (lines < allowed)
      found.push(finding(source, at, `${key} shrank to ${lines}`, 'Lower its exception'))
  }
  for (const key of Object.keys(ratchet)) {
    if (!long.has(key)) found.push(`${key} fits the limit of ${limit} now. Remove its exception`)
  }
  return found
}

// «describe(…)», «describe.skip(…)», and «describe.each(…)(…)», whose callee is a call itself.
function isSuite(call: Node | undefined): boolean {
  if (call?.type !== 'CallExpression') return false
  const callee = call.callee as Node
  return /^describe(\.|$)/.test(calleeName(callee.type === 'CallExpression' ? callee : call))
}

function functionName(node: Node, parents: readonly Node[]): string {
  for (const holder of [node, parents.at(-1)]) {
    const named = (holder?.id ?? holder?.key) as Node | null | undefined
    if (named?.type === 'Identifier') return named.name as string
  }
  const parent = parents.at(-1)
  const caller = parent?.type === 'CallExpression' ? calleeName(parent) : ''
  return caller === '' ? 'anonymous' : `${caller} callback`
}

/** What the file does, who calls it, what memory it owns: before any code. */
export function headers(sources: readonly Source[]): Finding[] {
  return sources
    .filter(({ path, text }) => !path.startsWith('test/') && !/^(#!.*\n)?\s*(\/\/|\/\*)/.test(text))
    .map((source) =>
      finding(source, 1, 'no header comment', 'Say what it does, who calls it, what it owns'),
    )
}

// Built from parts, so that this file may stand under its own rules.
const FIX_ME = new RegExp(`\\b${'FIX'}ME\\b`)
const TO_DO = new RegExp(`\\b${'TO'}DO\\b`)

export function leftovers(files: readonly TextFile[]): Finding[] {
  return eachLine(files, (text) => {
    if (FIX_ME.test(text))
      return ['a note to fix something', 'Fix it, or open an issue and name it']
    if (TO_DO.test(text) && !/#\d+/.test(text))
      return ['a task without an issue', 'Name the issue: #n']
    return undefined
  })
}

const MACHINE_PATH = /(^|[\s"'`(=:])(\/(work|root|home|Users)\/|\.\.\/shared\/)/
const REGISTRY = /\bregistry\.[a-z0-9-]+\.[a-z]+|"resolved":/

export function machinePaths(files: readonly TextFile[]): Finding[] {
  const others = files.filter(({ path }) => !path.startsWith('test/tidy'))
  return eachLine(others, (text) => {
    if (MACHINE_PATH.test(text))
      return ['a path of one machine', 'Use a path relative to the repository']
    if (REGISTRY.test(text))
      return ['the host of a registry', 'npm knows it; omit-lockfile-registry-resolved is set']
    return undefined
  })
}

function eachLine(
  files: readonly TextFile[],
  check: (text: string, next: string) => readonly [string, string] | undefined,
): Finding[] {
  return files.flatMap((file) =>
    file.text.split('\n').flatMap((text, index, lines) => {
      const [wrong, remedy] = check(text, lines[index + 1] ?? '') ?? []
      return wrong === undefined || remedy === undefined
        ? []
        : [finding(file, index + 1, wrong, remedy)]
    }),
  )
}

interface LockedPackage {
  readonly dependencies?: Record<string, string>
  readonly devDependencies?: Record<string, string>
  readonly optionalDependencies?: Record<string, string>
}

/** «npm ci» refuses a lockfile that lacks a package, even one of another platform. */
export function lockfileGaps(file: TextFile): Finding[] {
  const packages = JSON.parse(file.text).packages as Record<string, LockedPackage>
  const found: Finding[] = []
  for (const [path, entry] of Object.entries(packages)) {
    const wanted = {
      ...entry.dependencies,
      ...entry.devDependencies,
      ...entry.optionalDependencies,
    }
    for (const name of Object.keys(wanted)) {
      if (`${path}/node_modules/${name}` in packages || `node_modules/${name}` in packages) continue
      found.push(
        finding(file, 1, `${path || 'the project'} needs ${name}, which is not locked`, GAP),
      )
    }
  }
  return found
}

const GAP = 'Pin a version all of whose packages the registry has, and run «npm install» again'

/** A test that sleeps is slow on every machine and still fails on a slower one. */
export function fixedWaits(sources: readonly Source[]): Finding[] {
  const found: Finding[] = []
  for (const source of sources) {
    if (!source.path.startsWith('test/')) continue
    walk(source.program, (node, parents) => {
      if (node.type !== 'CallExpression' || !isFixedWait(node, parents)) return
      if (parents.some((parent, index) => isWaitFor(parent, parents.slice(0, index)))) return
      const remedy =
        'Wait for the event itself, or poll for it in a helper named waitFor or waitUntil'
      found.push(finding(source, line(node), 'a fixed wait', remedy))
    })
  }
  return found
}

function isWaitFor(node: Node, parents: readonly Node[]): boolean {
  return isFunction(node) && /^wait(For|Until)$/.test(functionName(node, parents))
}

function isFixedWait(call: Node, parents: readonly Node[]): boolean {
  const name = calleeName(call)
  if (/^(Bun\.sleep|Bun\.sleepSync|scheduler\.wait|sleep)$/.test(name)) return true
  if (name !== 'setTimeout') return false
  // «await setTimeout(…)» is that of node:timers/promises.
  if (parents.at(-1)?.type === 'AwaitExpression') return true
  const executor = parents.findLast(
    (node, index) => isFunction(node) && isPromise(parents[index - 1]),
  )
  const resolve = ((executor?.params as Node[] | undefined) ?? [])[0]
  return resolve !== undefined && resolves(call, resolve.name as string)
}

function isPromise(node: Node | undefined): boolean {
  return node?.type === 'NewExpression' && calleeName(node) === 'Promise'
}

// A deadline rejects and is no sleep; a sleep calls or passes on what resolves the promise.
function resolves(call: Node, resolve: string): boolean {
  let found = false
  walk((call.arguments as Node[])[0], (node) => {
    if (node.type === 'Identifier' && node.name === resolve) found = true
  })
  return found
}

const KERNEL_FILE = 'src/os/kernel.ts'
const NUMBER = /^(?:export )?const ([A-Z0-9_]+) = -?\d\w*$/
const KERNEL_PREFIX = /^(AF|SOCK|IPPROTO|SOL|SO|MSG|SHUT|EFD|EPOLL|MADV|PR|RLIMIT)_/

/** Numbers of the kernel stand in one file, by their names there and by what such names begin with. */
export function kernelNumbers(sources: readonly Source[]): Finding[] {
  const kernel = sources.find(({ path }) => path === KERNEL_FILE)
  const lines = kernel?.text.split('\n') ?? []
  const names = new Set(lines.map((text) => NUMBER.exec(text)?.[1]))
  const others = sources.filter(({ path }) => path !== KERNEL_FILE)
  return eachLine(others, (text) => {
    const name = NUMBER.exec(text)?.[1]
    if (name === undefined || !(names.has(name) || KERNEL_PREFIX.test(name))) return undefined
    return [`${name} is the kernel's`, `Import it from ${KERNEL_FILE}`]
  })
}

/** Doc comments whose declaration has moved elsewhere. */
export function orphanedComments(files: readonly TextFile[]): Finding[] {
  return eachLine(files, (text, next) => {
    if (
      !/^(?:\/\*)?\*(?:.*\*)?\/$/.test(text.trim()) ||
      !/^(?:\/\*\*.*|\}.*)?$/.test(next.trim())
    ) {
      return undefined
    }
    return ['a doc comment of nothing', 'Delete it, or move it to what it describes']
  })
}

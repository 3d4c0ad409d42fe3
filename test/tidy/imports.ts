// Style rules about who may import what. Used by test/tidy.test.ts.

import { dirname, normalize } from 'node:path'
import { type Finding, finding, line, type Node, type Source, walk } from './source.ts'

/** From the top down: a file imports from its own folder, its own level and the levels below it. */
const LEVELS: readonly (readonly string[])[] = [
  ['bin', 'load', 'doctor', 'bench', 'scripts', 'testing'],
  ['src/aquatic'],
  ['src/udp', 'src/ws', 'src/http'],
  ['src/tracker'],
  [
    'src/swarm',
    'src/access-keys',
    'src/access-list',
    'src/census',
    'src/client-lists',
    'src/cluster',
    'src/history',
    'src/list-file',
    'src/metrics',
    'src/operations',
    'src/peer-addresses',
    'src/process',
    'src/persistence',
    'src/pressure',
    'src/public-page',
    'src/tls',
    'src/source-limits',
    'src/requests',
    'src/tcp',
    'src/http-head',
    'src/test-mode',
  ],
  ['src/memory', 'src/channel', 'src/os', 'src/xdp'],
  ['src/config', 'src/log', 'src/plot'],
]
const PROTOCOL_LEVEL = 2
export const PROTOCOLS = LEVELS[PROTOCOL_LEVEL]

interface Import {
  readonly from: string
  readonly line: number
}

/** Modules named by import, export … from, and import(). Relative ones as paths from the root. */
function importsOf(source: Source): Import[] {
  const found: Import[] = []
  walk(source.program, (node) => {
    const from = moduleNamed(node)
    if (from === undefined) return
    const path = from.startsWith('.') ? normalize(`${dirname(source.path)}/${from}`) : from
    found.push({ from: path, line: line(node) })
  })
  return found
}

function moduleNamed(node: Node): string | undefined {
  const isImportCall = node.type === 'CallExpression' && (node.callee as Node).type === 'Import'
  const named = isImportCall
    ? (node.arguments as Node[])[0]
    : /^(Import|ExportNamed|ExportAll)Declaration$/.test(node.type)
      ? (node.source as Node | null)
      : undefined
  return named?.type === 'StringLiteral' ? (named.value as string) : undefined
}

export function importDirection(sources: readonly Source[]): Finding[] {
  const found: Finding[] = []
  for (const source of sources) {
    const folder = folderOf(source.path)
    if (folder === 'test') continue
    const level = levelOf(folder)
    if (level === -1) {
      found.push(
        finding(source, 1, `${folder} has no place`, 'Give it a level in test/tidy/imports.ts'),
      )
      continue
    }
    for (const { from, line: at } of importsOf(source)) {
      const target = folderOf(from)
      const targetLevel = levelOf(target)
      if (target === folder || (targetLevel === -1 && target !== 'test')) continue
      const sideways = targetLevel === level && level === PROTOCOL_LEVEL
      if (targetLevel < level || sideways) {
        found.push(finding(source, at, `${folder} imports ${target}`, DIRECTION_REMEDY))
      }
    }
  }
  return found
}

const DIRECTION_REMEDY =
  'Move what both need into a level below: bin, load, bench → udp | ws → tracker → swarm, access-list, metrics,' +
  ' process, persistence → memory, channel, os, xdp → config, log, plot; protocols never import each other'

function folderOf(path: string): string {
  const parts = path.split('/')
  return parts[0] === 'src' ? `src/${parts[1]}` : parts[0]
}

function levelOf(folder: string): number {
  return LEVELS.findIndex((level) => level.includes(folder))
}

/** A protocol's files that threads other than the main one run. */
const WORKER_FOLDERS = /^src\/(\w+)\/(wire|worker|pipeline)\//

/** What workers import of the main thread for now. Entries may be removed, not added. */
export type MainImports = readonly string[]

/** A path tells which thread runs a file; what both need stands with the workers. */
export function mainInWorkers(sources: readonly Source[], allowed: MainImports): Finding[] {
  const found: Finding[] = []
  const used = new Set<string>()
  for (const source of sources) {
    const protocol = source.path.match(WORKER_FOLDERS)?.[1]
    if (protocol === undefined) continue
    for (const { from, line: at } of importsOf(source)) {
      if (!from.startsWith(`src/${protocol}/main/`)) continue
      used.add(from)
      if (allowed.includes(from)) continue
      found.push(finding(source, at, `a worker imports ${from}`, MAIN_REMEDY))
    }
  }
  return [
    ...found,
    ...allowed
      .filter((path) => !used.has(path))
      .map((path) => `${path}: no worker imports it any more. Remove it from the list`),
  ]
}

const MAIN_REMEDY = 'Move what both threads need into worker/, wire/ or settings/'

/** Folders that import each other, directly or around a corner, cannot be understood separately. */
export function importCycles(sources: readonly Source[]): Finding[] {
  const edges = new Map<string, Map<string, string>>()
  for (const source of sources) {
    const folder = folderOf(source.path)
    if (!folder.startsWith('src/')) continue
    const targets = edges.get(folder) ?? new Map<string, string>()
    edges.set(folder, targets)
    for (const { from, line: at } of importsOf(source)) {
      const target = folderOf(from)
      if (target.startsWith('src/') && target !== folder)
        targets.set(target, `${source.path}:${at}`)
    }
  }
  const found: Finding[] = []
  for (const folder of edges.keys()) {
    for (const [target, where] of edges.get(folder) ?? []) {
      if (reaches(edges, target, folder)) {
        found.push(
          `${where}: ${folder} and ${target} import each other. Move what both need below both`,
        )
      }
    }
  }
  return found
}

function reaches(edges: Map<string, Map<string, string>>, from: string, to: string): boolean {
  const seen = new Set([from])
  for (const folder of seen) {
    if (folder === to) return true
    for (const next of edges.get(folder)?.keys() ?? []) seen.add(next)
  }
  return false
}

/** Circles of files that stand for now, as `fileCycles` names them. Entries may be removed, not added. */
export type Circles = readonly string[]

/** Files that import each other, directly or around a corner, types included, are really one file. */
export function fileCycles(sources: readonly Source[], allowed: Circles): Finding[] {
  const edges = new Map(
    sources.map((source) => [source.path, new Set(importsOf(source).map(({ from }) => from))]),
  )
  const found = new Set<string>()
  for (const path of edges.keys()) {
    const ahead = reachedFrom(edges, path)
    if (!ahead.has(path)) continue
    const circle = [...ahead].filter((other) => reachedFrom(edges, other).has(path))
    found.add(circle.sort().join(' ↔ '))
  }
  return [
    ...[...found]
      .filter((circle) => !allowed.includes(circle))
      .map((circle) => `${circle}: these import each other. Move what several need below all`),
    ...allowed
      .filter((circle) => !found.has(circle))
      .map((circle) => `${circle}: is no circle any more. Remove it from the list`),
  ]
}

/** All that a file imports, directly or not; itself only when that leads back to it. */
function reachedFrom(edges: ReadonlyMap<string, ReadonlySet<string>>, from: string): Set<string> {
  const seen = new Set(edges.get(from))
  // A set visits what is added while it is visited.
  for (const path of seen) for (const next of edges.get(path) ?? []) seen.add(next)
  return seen
}

export function foreignFunctions(sources: readonly Source[]): Finding[] {
  return sources
    .filter((source) => folderOf(source.path) !== 'src/os')
    .flatMap((source) =>
      importsOf(source)
        .filter(({ from }) => from === 'bun:ffi')
        .map(({ line: at }) => finding(source, at, 'bun:ffi outside src/os', FFI_REMEDY)),
    )
}

const FFI_REMEDY = 'Use src/os/ffi.ts, which knows how native memory stays where it is'

/**
 * Files of src, load and doctor that no executable, benchmark or script reaches. Tests do not count, nor do declarations, which are
 * never imported.
 */
export function unusedFiles(sources: readonly Source[]): Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const reached = new Set<string>()
  for (const path of byPath.keys()) if (/^(bin|bench|scripts)\//.test(path)) reached.add(path)
  // A set visits what is added while it is visited.
  for (const path of reached) {
    const source = byPath.get(path)
    if (source !== undefined) for (const { from } of importsOf(source)) reached.add(from)
  }
  return sources
    .filter(({ path }) => /^(src|load|doctor)\/(?!.*\.d\.ts$)/.test(path) && !reached.has(path))
    .map((source) =>
      finding(source, 1, 'nothing but tests uses this file', 'Import it or delete it'),
    )
}

// From changes to files: what --apply writes, as texts. Pure functions, called by apply.ts.
import { type Change, lineOf, pathOf, sysctlPath } from './changes.ts'

const HEADER = [
  '# Written by aquatic_doctor --apply, and removed by aquatic_doctor --revert as long as nobody changes it.',
  '# What each line is for: aquatic_doctor without flags, and docs/doctor.md.',
]

export interface PlannedFile {
  readonly path: string
  readonly text: string
}

/** One for each thing that is changed: of two that change the same, the larger number; otherwise the later. */
export function merged(changes: readonly Change[]): Change[] {
  const byTarget = new Map<string, Change>()
  for (const change of changes) {
    const target = targetOf(change)
    const other = byTarget.get(target)
    byTarget.set(target, other !== undefined && isLarger(other, change) ? other : change)
  }
  return [...byTarget.values()]
}

function targetOf(change: Change): string {
  if (change.kind === 'ring') return `ring ${change.card}`
  if (change.kind === 'module') return `module ${change.name}`
  return pathOf(change) ?? ''
}

function isLarger(a: Change, b: Change): boolean {
  const [first, second] = [a, b].map((change) =>
    'value' in change ? Number(change.value) : Number.NaN,
  )
  return first > second
}

/** The files that make the changes at each start of the system, in the order of their paths. */
export function plannedFiles(changes: readonly Change[]): PlannedFile[] {
  const lines = new Map<string, string[]>()
  for (const change of changes) {
    const { file, line } = lineOf(change)
    lines.set(file, [...(lines.get(file) ?? []), line])
  }
  return [...lines]
    .map(([path, own]) => ({ path, text: `${[...HEADER, ...own].join('\n')}\n` }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** A file of sysctl settings that is read after ours, and so wins. */
export interface LaterFile {
  readonly path: string
  readonly text: string
}

/** Lines in later files that set the same keys to something else. */
export function overrides(changes: readonly Change[], later: readonly LaterFile[]): string[] {
  const wanted = new Map(
    changes.flatMap((change) => {
      return change.kind === 'sysctl' ? [[sysctlPath(change.key), change.value] as const] : []
    }),
  )
  return later.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line) => {
      const [, key, value] = /^\s*-?\s*([\w./-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
      const ours = key === undefined ? undefined : wanted.get(pathOfKey(key))
      if (ours === undefined || normal(value) === normal(ours)) return []
      return [`${path} sets ${key} = ${value} after it, which wins when the system starts`]
    }),
  )
}

/** A key may be written with slashes throughout; the first mark tells. */
function pathOfKey(key: string): string {
  return /^[^./]*\//.test(key) ? `/proc/sys/${key}` : sysctlPath(key)
}

/** Blanks between numbers may be any. */
export function normal(text: string): string {
  return text.trim().replace(/\s+/g, ' ')
}

// Which test files can notice a fault in a source file: those that reach it by imports, also through
// the worker threads and programs that they start. Used by mutate.ts. Pure.
import { dirname, join, normalize } from 'node:path'
import { type Source, walk } from '../tidy/source.ts'

export interface Reach {
  /** Test files that reach `path`, the nearest first. */
  testsOf(path: string): string[]
  /** All files of test/ that a test file is made of, itself included. */
  partsOf(test: string): string[]
}

/** `executables`: tests that start one reach all that it imports. */
export function reachOf(sources: readonly Source[], executables: boolean): Reach {
  const known = new Set(sources.map(({ path }) => path))
  const edges = new Map(
    sources.map((source) => [source.path, namedBy(source, known, executables)] as const),
  )
  const distances = new Map(
    [...known]
      .filter((path) => path.endsWith('.test.ts'))
      .map((path) => [path, distancesFrom(path, edges)] as const),
  )
  return {
    testsOf: (path) =>
      [...distances]
        .flatMap(([test, far]) => {
          const steps = far.get(path)
          return steps === undefined ? [] : [[test, steps] as const]
        })
        .sort(([a, stepsA], [b, stepsB]) => stepsA - stepsB || (a < b ? -1 : 1))
        .map(([test]) => test),
    partsOf: (test) =>
      [...(distances.get(test)?.keys() ?? [])].filter((path) => path.startsWith('test/')),
  }
}

/** Every text that names a file of the project counts: an import, a worker's file, a program. */
function namedBy(source: Source, known: ReadonlySet<string>, executables: boolean): string[] {
  const folder = dirname(source.path)
  const found = new Set<string>()
  walk(source.program, (node, parents) => {
    if (node.type !== 'StringLiteral' || isTypeOnly(parents[parents.length - 1])) return
    const value = node.value as string
    const executable = /(?:^|\/)dist\/(\w+)$/.exec(value)?.[1]
    const path =
      executable !== undefined && executables
        ? `bin/${executable}.ts`
        : normalize(join(folder, value))
    if (known.has(path)) found.add(path)
  })
  return [...found]
}

function isTypeOnly(parent: { readonly [field: string]: unknown } | undefined): boolean {
  return parent?.importKind === 'type' || parent?.exportKind === 'type'
}

function distancesFrom(
  start: string,
  edges: ReadonlyMap<string, readonly string[]>,
): Map<string, number> {
  const found = new Map([[start, 0]])
  // A map visits what is added while it is visited.
  for (const [path, steps] of found) {
    for (const next of edges.get(path) ?? []) if (!found.has(next)) found.set(next, steps + 1)
  }
  return found
}

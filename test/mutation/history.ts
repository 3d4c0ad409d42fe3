// What earlier runs of mutate.ts have found, so that a run goes on where the last one ended. Used by
// mutate.ts. Owns a file below dist/. A result holds as long as what it was found with is unchanged.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** A test file without any fault. */
export interface Baseline {
  readonly hash: string
  readonly seconds: number
  /** Why it is not used, or null. */
  readonly why: string | null
}

export interface Finding {
  /** Of the file that was changed. */
  readonly source: string
  /** Of the tests that did not notice; '' when one did. */
  readonly tests: string
  /** The test file that noticed, or null. */
  readonly killedBy: string | null
}

interface Contents {
  readonly baselines: Record<string, Baseline>
  readonly findings: Record<string, Finding>
}

export class History {
  private readonly path: string
  private readonly contents: Contents

  constructor(path: string) {
    this.path = path
    this.contents = read(path)
  }

  baseline(test: string, hash: string): Baseline | undefined {
    const found = this.contents.baselines[test]
    return found?.hash === hash ? found : undefined
  }

  addBaseline(test: string, baseline: Baseline): void {
    this.contents.baselines[test] = baseline
    this.write()
  }

  /** Undefined when it has to be tried again. */
  finding(key: string, source: string, tests: string): Finding | undefined {
    const found = this.contents.findings[key]
    if (found === undefined || found.source !== source) return undefined
    return found.killedBy !== null || found.tests === tests ? found : undefined
  }

  addFinding(key: string, finding: Finding): void {
    this.contents.findings[key] = finding
    this.write()
  }

  /** Never half, when the run is ended meanwhile. */
  private write(): void {
    mkdirSync(dirname(this.path), { recursive: true })
    writeFileSync(`${this.path}.new`, JSON.stringify(this.contents, null, 1))
    renameSync(`${this.path}.new`, this.path)
  }
}

function read(path: string): Contents {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Contents
  } catch {
    return { baselines: {}, findings: {} }
  }
}

// What the conformance checks found, as TAP 14 (testanything.org) or JSON. Called by ask.ts.
import { isSpecified } from './check.ts'
import type { Listed, Outcome } from './conformance.ts'

/** The outcomes at one address of a tracker. */
export interface Subject {
  readonly url: string
  readonly address: string
  readonly outcomes: readonly Outcome[]
}

export const TAP_HEAD = 'TAP version 14\n'

/** Subtests: one for each address, its checks inside. */
export class TapSubject {
  private number = 0
  private failed = 0

  begin(title: string, count: number): string {
    return `# Subtest: ${printableTap(title)}\n    1..${count}\n`
  }

  outcome({ name, says, source, specified, result, reason = '' }: Outcome): string {
    const line = `${++this.number} - ${name}`
    if (result === 'pass') return `    ok ${line}\n`
    if (result === 'skip') return `    ok ${line} # SKIP ${printableTap(reason)}\n`
    this.failed++
    // JSON's strings are YAML's.
    const fields = { message: reason, says, source, specified }
    const yaml = Object.entries(fields).map(
      ([key, value]) => `      ${key}: ${JSON.stringify(value)}\n`,
    )
    return `    not ok ${line}\n      ---\n${yaml.join('')}      ...\n`
  }

  end(number: number, title: string): string {
    return `${this.failed === 0 ? 'ok' : 'not ok'} ${number} - ${printableTap(title)}\n`
  }
}

/** # begins a directive, \ escapes it. */
function printableTap(text: string): string {
  return text.replace(/[\\#]/g, '\\$&').replace(/[^\x20-\x7e]/g, '?')
}

export function conformanceJson(subjects: readonly Subject[], version: string): string {
  const good = subjects.every(({ outcomes }) => outcomes.every(({ result }) => result !== 'fail'))
  const trackers = subjects.map(({ url, address, outcomes }) => ({
    url,
    address,
    checks: outcomes,
  }))
  return `${JSON.stringify({ program: 'aquatic_doctor', version, good, trackers }, null, 2)}\n`
}

/** One line for each check: its name, what it says, and where that stands. */
export function listText(checks: readonly Listed[]): string {
  return checks.map((check) => `${check.name}\n    ${check.says} (${sourceOf(check)})\n`).join('')
}

export function listJson(checks: readonly Listed[]): string {
  const all = checks.map((check) => ({
    name: check.name,
    says: check.says,
    source: check.source,
    specified: isSpecified(check),
  }))
  return `${JSON.stringify(all, null, 2)}\n`
}

function sourceOf(check: Listed): string {
  return isSpecified(check) ? check.source : `ours: ${check.source}`
}

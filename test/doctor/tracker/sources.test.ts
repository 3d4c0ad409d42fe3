// Each conformance check names where its promise stands, and that is there.
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isSpecified } from '../../../doctor/tracker/check.ts'
import { checksOf } from '../../../doctor/tracker/conformance.ts'
import { INTERVAL_SOURCE } from '../../../doctor/tracker/interval.ts'

const CHECKS = (['udp', 'http', 'ws'] as const).flatMap((protocol) =>
  checksOf(protocol).map((check) => ({ protocol, ...check })),
)

test('names are unique, and say protocol and group', () => {
  const names = CHECKS.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const { name, protocol } of CHECKS)
    expect(name).toMatch(new RegExp(`^${protocol}/[a-z0-9-]+/[a-z0-9.-]+$`))
})

test('each says one sentence', () => {
  for (const { says } of CHECKS) expect(says).toMatch(/^\S.*\.$/)
})

test('each promise of ours stands in a section of our documents', () => {
  const texts = new Map<string, string>()
  const missing = CHECKS.filter((check) => {
    if (isSpecified(check) || check.source === INTERVAL_SOURCE) return false
    const [file, ...sections] = check.source.split(', ')
    const text =
      texts.get(file) ?? readFileSync(join(import.meta.dir, '../../../docs', file), 'utf8')
    texts.set(file, text)
    return !sections.every(
      (section) => text.includes(`# ${section}\n`) || text.includes(`**${section}.**`),
    )
  })
  expect(missing.map(({ name, source }) => `${name}: ${source}`)).toEqual([])
})

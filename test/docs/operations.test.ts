// The names that docs/operations.md tells an operator to use must exist.
import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { aquaticTracker } from '../../src/aquatic/protocols.ts'
import { defaultsOf, entriesOf, titleOf } from '../../src/config/schema.ts'
import { LIVE_SETTINGS as HTTP_LIVE } from '../../src/http/main/reload.ts'
import { httpProgram, httpSettings } from '../../src/http/settings/config.ts'
import { canApply } from '../../src/tracker/live-settings.ts'
import { LIVE_SETTINGS as UDP_LIVE } from '../../src/udp/main/reload.ts'
import { udpProgram, udpSettings } from '../../src/udp/settings/config.ts'
import { LIVE_SETTINGS as WS_LIVE } from '../../src/ws/main/reload.ts'
import { wsProgram, wsSettings } from '../../src/ws/settings/program.ts'

const ROOT = join(import.meta.dir, '../..')
const udp = defaultsOf(udpSettings.schema)
const http = defaultsOf(httpSettings.schema)
const ws = defaultsOf(wsSettings.schema)
const text = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')

test('every setting that is named exists', () => {
  const entries = [aquaticTracker, udpProgram, httpProgram, wsProgram].flatMap(({ settings }) =>
    entriesOf(settings.schema),
  )
  const known = new Set(entries.map(titleOf))
  const named = [...text.matchAll(/`(\[[a-z_]+\] [a-z_0-9]+)/g)].map((match) => match[1])
  expect(named.length).toBeGreaterThan(20)
  expect([...new Set(named)].filter((name) => !known.has(name))).toEqual([])
})

test('what changes while a tracker runs, and what needs a restart, is what the tables say', () => {
  const tables = /\| changes at once .*\n([^#]*)\| needs a restart .*\n([^#]*?)\n\n/.exec(text)
  const [, live, restart] = tables ?? []
  const wrong = [
    ...entriesOf(udpSettings.schema).map(({ path }) => ({
      path,
      now: canApply(path, udp, udp, [UDP_LIVE]),
    })),
    ...entriesOf(httpSettings.schema).map(({ path }) => ({
      path,
      now: canApply(path, http, http, [HTTP_LIVE]),
    })),
    ...entriesOf(wsSettings.schema).map(({ path }) => ({
      path,
      now: canApply(path, ws, ws, [WS_LIVE]),
    })),
  ].filter(({ path, now }) => {
    const table = now ? live : restart
    const [section, name = section] = path.split('.')
    return ![`\`${name}\``, `] ${name}\``, `\`[${section}]\``].some((text) => table.includes(text))
  })
  expect(wrong).toEqual([])
})

test('every key of aquatic 0.9 that is named is retired, or still there', () => {
  for (const [title, { settings }] of [
    ['aquatic_udp 0.9', udpProgram],
    ['aquatic_http 0.9', httpProgram],
    ['aquatic_ws 0.9', wsProgram],
  ] as const) {
    const [, table] = new RegExp(`^\\| ${title} .*\\n((?:\\|.*\\n)+)`, 'm').exec(text) ?? []
    const old = table.split('\n').map((line) => line.split('|')[1] ?? '')
    const keys = old.flatMap((cell) => cell.match(/(?<=`)[a-z_]+\.[a-z_0-9]+/g) ?? [])
    expect(keys.length).toBeGreaterThan(4)
    const known = new Set(entriesOf(settings.schema).map(({ path }) => path))
    const unknown = keys.filter((key) => !known.has(key) && !Object.hasOwn(settings.retired, key))
    expect(unknown).toEqual([])
  }
})

test('every file that is named exists', () => {
  const inCode = [...text.matchAll(/\b(?:packaging|scripts)\/[\w@./*-]*[\w*]/g)].map(
    ([path]) => path,
  )
  const links = [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map((match) => `docs/${match[1]}`)
  expect(inCode.length).toBeGreaterThan(5)
  const missing = [...inCode, ...links].filter(
    (path) => !existsSync(join(ROOT, path.replace(/\/[^/]*\*.*$/, ''))),
  )
  expect(missing).toEqual([])
})

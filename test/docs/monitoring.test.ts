// What docs/monitoring.md describes must be what the trackers have.
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { httpTroubles } from '../../src/http/main/troubles.ts'
import { createSourceRows } from '../../src/peer-addresses/source-watch.ts'
import { udpTroubles } from '../../src/udp/main/troubles.ts'
import { wsTroubles } from '../../src/ws/main/troubles.ts'

const text = readFileSync(join(import.meta.dir, '../../docs/monitoring.md'), 'utf8')

/** Only the names of the sources are asked for. */
const notAsked = (): never => {
  throw new Error('nobody looks')
}

test('every trouble of figures is in the table, with the trackers that have it', () => {
  const table = text.slice(text.indexOf('| trouble | of | when |'))
  const rows = [...table.matchAll(/^\| (`[a-z_`, ]+`) \| (.+?) \|/gm)].map(([, names, of]) => ({
    names,
    of,
  }))
  const troubles = {
    udp: udpTroubles(notAsked, notAsked, createSourceRows()),
    http: httpTroubles(notAsked, notAsked, createSourceRows()),
    ws: wsTroubles(notAsked, notAsked, createSourceRows()),
  }
  const trackers = Object.entries(troubles).map(([which, sources]) => {
    return { tracker: `\`aquatic_${which}\``, names: sources.map(({ name }) => name) }
  })
  const missing = new Set(trackers.flatMap(({ names }) => names)).values().filter((name) => {
    const having = trackers.filter(({ names }) => names.includes(name))
    const of = having.map(({ tracker }) => tracker).join(', ')
    const told = having.length === trackers.length ? 'all' : of
    return !rows.some((row) => row.names.includes(`\`${name}\``) && row.of === told)
  })
  expect(troubles.ws.length).toBeGreaterThan(5)
  expect([...missing]).toEqual([])
})

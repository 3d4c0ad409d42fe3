// What docs/monitoring.md tells of must be what the trackers have.
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
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
  const troubles = { udp: udpTroubles(notAsked, notAsked), ws: wsTroubles(notAsked, notAsked) }
  const namesOf = (which: 'udp' | 'ws') => troubles[which].map(({ name }) => name)
  const missing = (['udp', 'ws'] as const).flatMap((which) => {
    const other = namesOf(which === 'udp' ? 'ws' : 'udp')
    return namesOf(which).filter((name) => {
      const of = other.includes(name) ? 'both' : `\`aquatic_${which}\``
      return !rows.some((row) => row.names.includes(`\`${name}\``) && row.of === of)
    })
  })
  expect(troubles.ws.length).toBeGreaterThan(5)
  expect(missing).toEqual([])
})

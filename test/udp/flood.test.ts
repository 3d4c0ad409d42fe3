// Clients beside floods, with limits per source in force: a small run of bench/flood.ts.
import { expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WHY_NO_NAMESPACE } from '../support/namespace.ts'

const PROGRAM = join(import.meta.dir, '../../bench/flood.ts')
const SECONDS = 3
/** In which the tracker runs: the flood comes earlier than the clients, and stays longer. */
const LIFE_SEC_MAX = 60
const CONNECTS = 100
const REQUESTS = 300

// Few packets: this is about what is refused, not about how fast.
const FLAGS = [
  ...['--no-pin', '--seconds', String(SECONDS), '--clients', '200', '--buffer', '8000000'],
  ...['--rates', '2000', '--network-rates', '8000', '--proven-rates', '3000'],
]

test.skipIf(WHY_NO_NAMESPACE !== '')(
  `a flood gets no more than it sends, and who exceeds his limits is banned, nobody else${WHY_NO_NAMESPACE}`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aquatic-flood-test-'))
    const json = join(folder, 'figures.json')
    const child = Bun.spawn([process.execPath, PROGRAM, ...FLAGS, '--json', json], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      env: {
        ...process.env,
        AQUATIC_SOURCE_LIMITS_CONNECTS_PER_SECOND: String(CONNECTS),
        AQUATIC_SOURCE_LIMITS_REQUESTS_PER_SECOND: String(REQUESTS),
      },
    })
    const stderr = await new Response(child.stderr).text()
    expect(stderr).toBe('')
    expect(await child.exited).toBe(0)
    const [everywhere, network, proven] = JSON.parse(readFileSync(json, 'utf8'))
    rmSync(folder, { recursive: true, force: true })
    for (const { clients } of [everywhere, network, proven]) {
      expect(Object.keys(clients)).toEqual(['households', 'carrier', 'seedbox'])
      for (const { answeredPercent, wrong } of Object.values<Record<string, number>>(clients)) {
        expect(answeredPercent).toBeGreaterThan(90)
        expect(wrong).toBe(0)
      }
    }
    for (const { forged } of [everywhere, network]) {
      expect(forged.answers).toBeGreaterThan(0)
      expect(forged.answers).toBeLessThanOrEqual(forged.connects)
      expect(forged.answerBytes).toBe(forged.answers * 16)
    }
    expect(everywhere.rejects.connect_rate).toBeUndefined()
    expect(everywhere.rejects.connection_id).toBeGreaterThan(1000)
    expect(network.rejects.connect_rate).toBeGreaterThan(0)
    expect(network.forged.answers).toBeLessThan(CONNECTS * LIFE_SEC_MAX)
    expect([everywhere.bans, network.bans, proven.bans]).toEqual([0, 0, 1])
    expect(proven.rejects.banned).toBeGreaterThan(0)
  },
  180_000,
)

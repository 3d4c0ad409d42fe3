// With no descriptor left: a spare one serves, and where that is gone too, accepting pauses instead of spinning.

import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { closeSpares, openSpares } from '../../src/os/descriptors.ts'
import { type Bench, withServerAsync } from './harness.ts'

/** Changes the limit of this process on open files from outside, since that needs descriptors itself. */
class Limit {
  private readonly shell = Bun.spawn(
    [
      'sh',
      '-c',
      `while read limit; do prlimit --pid=${process.pid} --nofile=$limit: && echo done; done`,
    ],
    { stdin: 'pipe', stdout: 'pipe' },
  )
  private readonly answers = this.shell.stdout.getReader()
  private readonly before = /^Max open files +(\d+)/m.exec(
    readFileSync('/proc/self/limits', 'latin1'),
  )?.[1] as string

  async set(limit: number | string): Promise<void> {
    this.shell.stdin.write(`${limit}\n`)
    this.shell.stdin.flush()
    const { value } = await this.answers.read()
    expect(new TextDecoder().decode(value)).toBe('done\n')
  }

  async restore(): Promise<void> {
    if (this.shell.killed) return
    await this.set(this.before)
    this.shell.kill()
    await this.shell.exited
  }
}

async function withLimit(use: (bench: Bench, limit: Limit) => Promise<void>): Promise<void> {
  const limit = new Limit()
  try {
    await withServerAsync({}, (bench) => use(bench, limit))
  } finally {
    await limit.restore()
  }
}

function descriptors(): number {
  return Math.max(...readdirSync('/proc/self/fd').map(Number)) + 1
}

test('the spare descriptor serves whole requests; others get the answer that there is no room', () =>
  withLimit(async (bench, limit) => {
    const [whole, other, part] = [1, 2, 3].map(() => bench.connect())
    await limit.set(descriptors())
    // Fills the gaps below.
    const gaps = openSpares(1000)
    whole.send('close\n')
    other.send('kept\n')
    part.send('pa')
    expect(bench.end(whole)).toBe('close\n')
    expect(bench.end(other)).toBe('kept\n')
    expect(bench.end(part)).toBe('full\n')
    expect(bench.counted()).toMatchObject({ closed_answered: 1, closed_descriptors: 2 })
    closeSpares(gaps)
  }))

test('accepting pauses for a second where even that is gone', () =>
  withLimit(async (bench, limit) => {
    const client = bench.connect()
    client.send('close\n')
    await limit.set(3)
    for (let n = 0; n < 20; n++) bench.turn(1)
    expect(bench.counted()).toEqual({ accept_pauses: 1 })
    bench.now++
    for (let n = 0; n < 20; n++) bench.turn(1)
    expect(bench.counted()).toEqual({ accept_pauses: 2 })
    await limit.restore()
    bench.now++
    expect(bench.end(client)).toBe('close\n')
  }))

// A worker's thread gets the turns it asks for, and its priority stays; what the system refuses is no error.
// Each case is a process of its own: a request stays with the thread.
import { expect, test } from 'bun:test'
import { join } from 'node:path'

const MODULE = join(import.meta.dir, '../../src/os/scheduling.ts')

/** The answer, and how the system schedules the thread afterwards. */
function ask(...prefix: string[]): { agreed: boolean; sched: string; nice: number } {
  const program = `const { askForShortTurns } = await import('${MODULE}')
    const agreed = askForShortTurns()
    const fs = await import('node:fs')
    let sched = ''
    try { sched = fs.readFileSync('/proc/thread-self/sched', 'utf8') } catch {}
    const nice = Number(fs.readFileSync('/proc/thread-self/stat', 'utf8').split(') ')[1].split(' ')[16])
    console.log(JSON.stringify({ agreed, sched, nice }))`
  const { stdout, stderr } = Bun.spawnSync([...prefix, process.execPath, '-e', program])
  expect(stderr.toString()).toBe('')
  return JSON.parse(stdout.toString())
}

test('the system agrees, and says so where it can', () => {
  const { agreed, sched } = ask()
  expect(agreed).toBe(true)
  const [, turn] = /^se\.slice +: +(\d+)/m.exec(sched) ?? []
  if (turn !== undefined) expect(Number(turn)).toBe(500_000)
})

test('the priority that the process was started with stays', () => {
  const { nice } = ask()
  expect(ask('nice', '-n', '7').nice).toBe(Math.min(19, nice + 7))
})

test('another policy stays as it is', () => {
  const { agreed, sched } = ask('chrt', '--batch', '0')
  expect(agreed).toBe(false)
  const [, policy] = /^policy +: +(\d+)/m.exec(sched) ?? []
  if (policy !== undefined) expect(Number(policy)).toBe(3)
})

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

const PROGRAM = join(import.meta.dir, 'workers-program.ts')

function start(...args: string[]) {
  return Bun.spawn([process.execPath, PROGRAM, ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

/** Both kinds of loop end, within what a stop may take, and before the process would give up on them. */
test('a signal stops workers that block and workers that wait for events', async () => {
  const program = start('none')
  let output = ''
  let sentAt = 0
  for await (const chunk of program.stdout) {
    output += new TextDecoder().decode(chunk)
    if (!output.includes('ready\n') || sentAt !== 0) continue
    sentAt = performance.now()
    program.kill('SIGTERM')
  }
  expect(await program.exited).toBe(0)
  expect(output).toBe('ready\nstopping\n')
  expect(await new Response(program.stderr).text()).toBe('')
})

/** Reads its output to the end, with a signal for each line of `after`. */
async function stopAfter(program: ReturnType<typeof start>, ...after: string[]): Promise<string> {
  let output = ''
  for await (const chunk of program.stdout) {
    output += new TextDecoder().decode(chunk)
    while (after.length > 0 && output.includes(`${after[0]}\n`)) {
      program.kill('SIGTERM')
      after.shift()
    }
  }
  return output
}

describe('work that follows the end of the workers', () => {
  test.each([
    ['none', 'done', 0],
    ['none', 'vain', 1],
    // A worker that does not stop is no reason to leave it out.
    ['slow', 'done', 0],
    ['slow', 'vain', 1],
  ])('%s, %s: is done, and its success is the exit code', async (wrong, last, code) => {
    const program = start(wrong, 'text', last)
    expect(await stopAfter(program, 'ready')).toBe('ready\nstopping\nlast\n')
    expect(await program.exited).toBe(code)
  })

  test.each(['none', 'slow'])('%s: a second signal ends it, with an exit code', async (wrong) => {
    const program = start(wrong, 'text', 'never')
    expect(await stopAfter(program, 'ready', 'last')).toBe('ready\nstopping\nlast\n')
    expect(await program.exited).toBe(1)
    expect(await new Response(program.stderr).text()).toContain('ended by a second signal')
  })
})

test.each(['waiting', 'blocking'])('an error names the %s worker and its number', async (role) => {
  const program = start(role)
  const stderr = await new Response(program.stderr).text()
  expect(await program.exited).toBe(1)
  expect(stderr).toContain(`program: ${role} worker 2 failed, so the tracker ends: `)
  expect(stderr).toContain('a fault that a test asked for')
})

test('an error under a lock that the main thread waits for ends the process at once', async () => {
  const startedAt = performance.now()
  const program = start('locked')
  const stderr = await new Response(program.stderr).text()
  expect(await program.exited).toBe(1)
  expect(stderr).toMatch(/^program: blocking worker 2 failed, so the tracker ends: Error: a fault/)
  // Not by the limit to what the main thread waits.
  expect(performance.now() - startedAt).toBeLessThan(20_000)
})

test('an error of a worker has the form of the other lines', async () => {
  const program = start('blocking', 'json')
  const stderr = await new Response(program.stderr).text()
  expect(await program.exited).toBe(1)
  expect(JSON.parse(stderr)).toMatchObject({
    level: 'error',
    message: expect.stringContaining('blocking worker 2 failed'),
  })
})

test('a worker that ends unasked ends the process', async () => {
  const program = start('ending')
  const stderr = await new Response(program.stderr).text()
  expect(await program.exited).toBe(1)
  expect(stderr).toBe(
    'program: blocking worker 2 failed, so the tracker ends: it ended with code 0\n',
  )
})

/** The line of the program that asks after a time, and stops. */
async function stalledAfter(program: ReturnType<typeof start>): Promise<string> {
  let output = ''
  for await (const chunk of program.stdout) {
    output += new TextDecoder().decode(chunk)
    if (/stalled: .*\n/.test(output)) program.kill('SIGKILL')
  }
  return output.match(/stalled: (.*)\n/)?.[1] ?? output
}

test('whoever asks first learns of the workers that hang', async () => {
  const names = await stalledAfter(start('hanging', '3500'))
  // Each is told once it has been still for long enough, in no order.
  expect(names.split(',').sort()).toEqual(['blocking worker 2', 'waiting worker 2'])
})

test('after a pause of the whole process no worker is said to hang', async () => {
  const program = start('none', '2600')
  const reader = program.stdout.getReader()
  await reader.read()
  reader.releaseLock()
  program.kill('SIGSTOP')
  // Longer than a worker may hang, and it ends when the question is due.
  const pausedAt = performance.now()
  await waitUntil('the question is due', () => performance.now() - pausedAt > 2600)
  program.kill('SIGCONT')
  expect(await stalledAfter(program)).toBe('')
})

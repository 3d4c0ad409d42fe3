import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { logFor } from '../../src/log/log.ts'
import { ServiceManager } from '../../src/process/service-manager.ts'
import type { Workers } from '../../src/process/workers.ts'
import { type NotifyListener, withNotifyListener } from '../support/notify-listener.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

const PROGRAM = join(import.meta.dir, 'workers-program.ts')
const WATCHDOG_USEC = '40000'

/** Runs the program with two roles of workers, in which `wrong` happens, and ends it. */
async function withProgram(
  wrong: string,
  env: Record<string, string>,
  use: (program: Bun.Subprocess<'ignore', 'pipe', 'pipe'>, stderr: () => string) => Promise<void>,
): Promise<void> {
  const program = Bun.spawn([process.execPath, PROGRAM, wrong], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { PATH: process.env.PATH ?? '', ...env },
  })
  let stderr = ''
  const collect = async () => {
    for await (const chunk of program.stderr) stderr += Buffer.from(chunk).toString()
  }
  const collected = collect()
  try {
    await use(program, () => stderr)
  } finally {
    program.kill('SIGKILL')
    await program.exited
    await collected
  }
}

function withManager(
  wrong: string,
  env: Record<string, string>,
  use: (
    listener: NotifyListener,
    program: Bun.Subprocess<'ignore', 'pipe', 'pipe'>,
    stderr: () => string,
  ) => Promise<void>,
): Promise<void> {
  return withNotifyListener((listener) =>
    withProgram(wrong, { NOTIFY_SOCKET: listener.address, ...env }, (program, stderr) =>
      use(listener, program, stderr),
    ),
  )
}

test('the manager learns of start, life and stop, in this order', () =>
  withManager('none', { WATCHDOG_USEC }, async (listener, program) => {
    await listener.waitFor('WATCHDOG=1', 3)
    program.kill('SIGTERM')
    await listener.waitFor('STOPPING=1')
    expect(await program.exited).toBe(0)
    await listener.waitFor('STOPPING=1')
    const [first, ...rest] = listener.texts
    expect(first).toBe('READY=1\nSTATUS=at work')
    expect(rest.pop()).toBe('STOPPING=1')
    expect(new Set(rest)).toEqual(new Set(['WATCHDOG=1']))
  }))

test('without a watchdog only start and stop are reported', () =>
  withManager('none', {}, async (listener, program) => {
    await listener.waitFor('READY=1')
    program.kill('SIGTERM')
    await listener.waitFor('STOPPING=1')
    expect(await program.exited).toBe(0)
    expect(listener.texts).toEqual(['READY=1\nSTATUS=at work', 'STOPPING=1'])
  }))

test('a watchdog meant for another process is not fed', () =>
  withManager('none', { WATCHDOG_USEC, WATCHDOG_PID: '1' }, async (listener, program) => {
    await listener.waitFor('READY=1')
    program.kill('SIGTERM')
    await listener.waitFor('STOPPING=1')
    expect(listener.count('WATCHDOG=1')).toBe(0)
  }))

test('keep-alives end when workers hang, and the log names each of them', () =>
  withManager('hanging', { WATCHDOG_USEC }, async (listener, _, stderr) => {
    await listener.waitFor('READY=1')
    for (const name of ['waiting worker 2', 'blocking worker 2']) {
      await waitUntil(name, () => new RegExp(`no progress in .*${name}`).test(stderr()))
    }
    expect(stderr()).not.toContain('worker 1')
    const before = listener.count('WATCHDOG=1')
    const lines = stderr().split('\n').length
    await waitUntil('more lines', () => stderr().split('\n').length > lines + 3)
    expect(listener.count('WATCHDOG=1')).toBe(before)
  }))

test('a socket that is not there is warned of, and the program runs', () =>
  withProgram('none', { NOTIFY_SOCKET: '/nonexistent/notify' }, async (program, stderr) => {
    await waitUntil('the warning', () => stderr().includes('\n'))
    expect(stderr()).toBe(
      "program: warning: the service manager's socket NOTIFY_SOCKET='/nonexistent/notify' cannot be " +
        'used, so it will not learn of the start: connect: no such file or directory (ENOENT)\n',
    )
    let stdout = ''
    for await (const chunk of program.stdout) {
      stdout += Buffer.from(chunk).toString()
      if (stdout.includes('ready\n')) program.kill('SIGTERM')
    }
    expect(await program.exited).toBe(0)
  }))

test('outside of a service manager nothing is said', () =>
  withProgram('none', {}, async (program, stderr) => {
    for await (const chunk of program.stdout) {
      if (Buffer.from(chunk).toString().includes('ready\n')) program.kill('SIGTERM')
    }
    expect(await program.exited).toBe(0)
    expect(stderr()).toBe('')
  }))

test('trouble is the status until it is over, and a reload is told from its beginning to its end', () =>
  withNotifyListener(async (listener) => {
    const workers = { onStop: () => {} } as unknown as Workers
    const manager = new ServiceManager('program', workers, logFor('test'), {
      NOTIFY_SOCKET: listener.address,
    })
    // Nothing before it serves: the manager would take it for the status of the start.
    manager.trouble('too early')
    manager.ready('at work')
    manager.trouble('full')
    manager.trouble('')
    manager.reload(() => manager.trouble('meanwhile'))
    await listener.waitFor('READY=1', 2)
    const [reloading] = listener.texts.filter((text) => text.startsWith('RELOADING=1'))
    expect(reloading).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+$/)
    expect(listener.texts).toEqual([
      'READY=1\nSTATUS=at work',
      'STATUS=full',
      'STATUS=at work',
      reloading,
      'STATUS=meanwhile',
      'READY=1',
    ])
  }))

test('a stop ends with the last worker, and waits for one that does not end', async () => {
  const secondsOfStop = async (wrong: string) => {
    let ms = 0
    await withProgram(wrong, {}, async (program) => {
      let stdout = ''
      for await (const chunk of program.stdout) {
        stdout += Buffer.from(chunk).toString()
        if (ms > 0 || !stdout.includes('ready\n')) continue
        ms = performance.now()
        program.kill('SIGTERM')
      }
      expect(await program.exited).toBe(0)
    })
    return (performance.now() - ms) / 1000
  }
  expect(await secondsOfStop('slow')).toBeGreaterThan(0.85)
})

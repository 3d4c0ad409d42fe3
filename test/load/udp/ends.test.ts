import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { EXECUTABLE } from '../../support/tracker.ts'
import { waitUntil } from '../../support/wait.ts'
import { runLoadTest, SMALL } from './load-test.ts'
import { SmallTracker } from './small-tracker.ts'

async function unusedPort(): Promise<number> {
  const socket = await Bun.udpSocket({ hostname: '127.0.0.1' })
  const { port } = socket
  socket.close()
  return port
}

describe('a run that cannot begin tells why, exit code 1', () => {
  test('when nothing listens', async () => {
    const port = await unusedPort()
    const settings = `server_address = '127.0.0.1:${port}'\n[tracker]\nstart_timeout = 1\n`
    const { code, stderr, stdout, files } = await runLoadTest(settings)
    expect(files).toEqual(['settings.toml'])
    expect(stderr).toBe(
      `aquatic_udp_load_test: cannot reach the tracker at 127.0.0.1:${port} within 1 s: nothing ` +
        'listens there. Start it, or set server_address.\n',
    )
    expect(stdout).toBe('')
    expect(code).toBe(1)
  }, 180_000)

  test('when settings are wrong, all of them at once', async () => {
    const { code, stderr } = await runLoadTest(`mode = 'opem'
server_address = '0.0.0.0:1'
[requests]
weight_connect = 0
weight_announce = 0
weight_scrape = 0
peer_seeder_probability = 1.5
`)
    expect(code).toBe(1)
    expect(stderr).toContain('4 mistakes in the settings')
    expect(stderr).toContain("Write 'open'")
    expect(stderr).toContain('is the wildcard address')
    expect(stderr).toContain('all three weights are 0')
    expect(stderr).toContain('peer_seeder_probability = 1.5 is too large')
  })

  test('when a report could not be written', async () => {
    const { code, stderr } = await runLoadTest('', ['--json=/nowhere/at-all.json'])
    // Given twice: once by the test's own helper.
    expect(stderr).toContain('--json is given twice')
    expect(code).toBe(2)
    const child = Bun.spawnSync([LOAD_TEST, '--html', '/nowhere/at-all.html'])
    expect(child.stderr.toString()).toBe(
      'aquatic_udp_load_test: cannot write to /nowhere/at-all.html: there is no such folder\n',
    )
    expect(child.exitCode).toBe(1)
  })

  test('when the process to watch is not there, or no number', () => {
    const run = (pid: string) => Bun.spawnSync([LOAD_TEST, '--pid', pid])
    expect(run('4194304').stderr.toString()).toContain('there is no process 4194304')
    expect(run('x').stderr.toString()).toContain('--pid x is not the number of a process')
    expect(run(' ').stderr.toString()).toContain('is the tracker running?')
    expect(run('').stderr.toString()).toContain('--pid N; is the tracker running?')
    // As pidof prints them.
    const several = `${process.pid} 4194304`
    expect(run(several).stderr.toString()).toContain('there is no process 4194304')
    expect(run('4194304').exitCode).toBe(1)
    expect(run('x').exitCode).toBe(2)
  })

  test('when the tracker it starts ends at once', async () => {
    const { code, stderr } = await runLoadTest(
      `[tracker]\ncommand = 'echo no licence >&2; exit 3'\n`,
    )
    expect(stderr).toContain('the tracker ended: no licence')
    expect(code).toBe(1)
  }, 180_000)
})

const LOAD_TEST = join(import.meta.dir, '../../../dist/aquatic_udp_load_test')

describe('a tracker that the load tester starts itself', () => {
  test('is measured, and ends with the run', async () => {
    const port = await unusedPort()
    const settings = `server_address = '127.0.0.1:${port}'\nduration = 1\n${SMALL}
[tracker]
command = "env AQUATIC_NETWORK_ADDRESS=127.0.0.1:${port} ${EXECUTABLE}"
`
    const { code, stderr, json } = await runLoadTest(settings)
    expect(stderr).not.toContain('wrong')
    expect(code).toBe(0)
    expect(json.summary.tracker.cpu_micros_per_response).toBeGreaterThan(0)
    expect(json.samples).toHaveLength(1)
    const socket = await Bun.udpSocket({ hostname: '127.0.0.1', port })
    socket.close()
  }, 180_000)

  test('that dies ends the run, with its summary', async () => {
    const port = await unusedPort()
    const settings = `server_address = '127.0.0.1:${port}'\n${SMALL}
[tracker]
command = "env AQUATIC_NETWORK_ADDRESS=127.0.0.1:${port} _AQUATIC_TEST_FAULT=socket ${EXECUTABLE}"
`
    const { code, stderr, stdout } = await runLoadTest(settings)
    expect(stderr).toContain('the tracker ended')
    expect(code).toBe(1)
    if (stderr.includes('seed')) expect(stdout).toContain('latency, ms')
  }, 180_000)
})

test('a tracker that falls silent for ten seconds ends the run, with its summary, exit code 1', async () => {
  const tracker = await SmallTracker.open({})
  try {
    const settings = `server_address = '127.0.0.1:${tracker.port}'\nmode = 'open'\n${SMALL}
[open_loop]
rate = 100
`
    const { code, stdout, stderr, json } = await runLoadTest(settings, [], async () => {
      await waitUntil('requests flow', () => tracker.answers > 100)
      tracker.close()
    })
    const why = 'no answer for 10 s: the tracker has ended or cannot be reached'
    expect(stderr).toEndWith(`aquatic_udp_load_test: ${why}\n`)
    expect(stderr).not.toMatch(/lost (?!100)\d{3}/)
    expect(code).toBe(1)
    expect(stdout).toContain('latency, ms')
    expect(json.failure).toBe(why)
    expect(json.summary.responses_per_second.all).toBeGreaterThan(0)
  } finally {
    tracker.close()
  }
}, 180_000)

test('Ctrl-C prints the summary so far, exit code 0', async () => {
  const tracker = await SmallTracker.open({})
  try {
    const settings = `server_address = '127.0.0.1:${tracker.port}'\n${SMALL}`
    const { code, stdout, json } = await runLoadTest(settings, [], async (child) => {
      await waitUntil('requests flow', () => tracker.answers > 100)
      child.kill('SIGINT')
    })
    expect(stdout).toContain('latency, ms')
    expect(json.summary.responses_per_second.all).toBeGreaterThan(0)
    expect(code).toBe(0)
  } finally {
    tracker.close()
  }
}, 180_000)

test('a stall of the tracker shows in the latency of the open loop, not only once', async () => {
  const tracker = await SmallTracker.open({})
  const stallMs = 400
  let stalled = false
  try {
    const settings = `server_address = '127.0.0.1:${tracker.port}'\nmode = 'open'\n${SMALL}
[open_loop]
rate = 500
`
    const { json } = await runLoadTest(settings, [], async (child) => {
      await waitUntil('requests flow', () => tracker.answers > 100)
      const end = performance.now() + stallMs
      while (performance.now() < end) stalled = true
      await waitUntil('more have been answered', () => tracker.answers > 800)
      child.kill('SIGINT')
    })
    expect(stalled).toBe(true)
    // 200 of about 800 requests became due in that time; from when they were sent, one or two waited.
    expect(json.summary.latency_ms.all.p90).toBeGreaterThan(stallMs / 4)
    expect(json.summary.latency_ms.all.max).toBeGreaterThan(stallMs * 0.8)
    expect(json.wrong_answers).toBe(0)
  } finally {
    tracker.close()
  }
}, 180_000)

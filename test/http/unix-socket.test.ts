// aquatic_http at a Unix socket, which a proxy on the same machine reaches it by.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { readDictionary } from '../support/bencode.ts'
import { inFolder } from '../support/folder.ts'
import { announceTarget, askOnce, HttpConnection, requestText } from '../support/http-client.ts'
import { HTTP_EXECUTABLE, runTracker, type StartOptions, withTracker } from '../support/tracker.ts'
import { compactPeers } from './harness.ts'

setDefaultTimeout(180_000)

const CLOSE = 'Connection: close\r\n'
const headed = (address: string) => `X-Forwarded-For: ${address}\r\n`

function socketTracker(path: string, network = '', more = ''): StartOptions {
  return {
    executable: HTTP_EXECUTABLE,
    settings: `${more}\n[network]\naddress = []\nunix_socket = '${path}'\n${network}\n`,
  }
}

async function announce(path: string, before: string, fields: string, port = 1): Promise<unknown> {
  const connection = await HttpConnection.open({ path })
  connection.send(before + requestText(announceTarget({ port }), fields + CLOSE))
  const answer = readDictionary((await connection.answer()).body)
  connection.close()
  return answer['failure reason'] ?? compactPeers(answer.peers, 4)
}

const inSocketFolder = (use: (folder: string, path: string) => Promise<void>) =>
  inFolder((folder) => use(folder, join(folder, 'http.sock')))

test('clients are those that the header names; the file has its mode, and goes with the tracker', () =>
  inSocketFolder(async (folder, path) => {
    await withTracker(socketTracker(path), async (tracker) => {
      expect(tracker.stderr).toContain(`listening on unix:${path} (1 socket worker)`)
      expect(readdirSync(folder)).toEqual(['http.sock'])
      expect(statSync(path).mode & 0o777).toBe(0o660)
      expect(await announce(path, '', headed('198.51.100.1'), 1)).toEqual([])
      expect(await announce(path, '', headed('1.1.1.1, 198.51.100.2'), 2)).toEqual([
        '198.51.100.1:1',
      ])
      expect(await announce(path, '', headed('198.51.100.3'), 3)).toEqual([
        '198.51.100.1:1',
        '198.51.100.2:2',
      ])
      expect(await announce(path, '', '')).toContain('does not send the header X-Forwarded-For')
      // Health is asked through it.
      const check = { ...socketTracker(path), executable: [HTTP_EXECUTABLE, '--health-check=20'] }
      expect(await runTracker(check)).toMatchObject({ code: 0 })
      tracker.signal('SIGTERM')
      expect(await tracker.waitForEnd()).toMatchObject({ code: 0 })
    })
    expect(readdirSync(folder)).toEqual([])
    const check = { ...socketTracker(path), executable: [HTTP_EXECUTABLE, '--health-check=20'] }
    expect(await runTracker(check)).toMatchObject({ code: 1 })
  }))

test('clients are those that the PROXY protocol names, also of several workers', () =>
  inSocketFolder(async (_, path) => {
    const required = socketTracker(path, `proxy_protocol = 'required'`, 'socket_workers = 3')
    await withTracker(required, async () => {
      for (let i = 1; i <= 20; i++) {
        const before = `PROXY TCP4 198.51.100.${i} 10.0.0.1 1 2\r\n`
        const peers = await announce(path, before, headed('203.0.113.9'), i)
        expect(peers).toHaveLength(i - 1)
      }
      const check = { ...required, executable: [HTTP_EXECUTABLE, '--health-check=20'] }
      expect(await runTracker(check)).toMatchObject({ code: 0 })
      await expect(announce(path, '', headed('203.0.113.9'))).rejects.toThrow()
    })
  }))

test('beside an address, whose clients are their own', () =>
  inSocketFolder(async (_, path) => {
    const settings = `[network]\naddress = '127.0.0.1:0'\nunix_socket = '${path}'\nunix_socket_mode = '606'\n`
    await withTracker({ executable: HTTP_EXECUTABLE, settings }, async (tracker) => {
      expect(statSync(path).mode & 0o777).toBe(0o606)
      await announce(path, '', headed('198.51.100.1'))
      const connection = await HttpConnection.open(tracker.at())
      const { body } = await connection.ask(announceTarget({ port: 2 }), headed('198.51.100.2'))
      const { body: other } = await connection.ask(announceTarget({ port: 3 }))
      connection.close()
      expect(compactPeers(readDictionary(body).peers, 4)).toEqual(['198.51.100.1:1'])
      expect(compactPeers(readDictionary(other).peers, 4)).toEqual([
        '127.0.0.1:2',
        '198.51.100.1:1',
      ])
    })
  }))

test('a socket that is left over is replaced, one in use and another file are not', () =>
  inSocketFolder(async (folder, path) => {
    await withTracker(socketTracker(path), async (tracker) => {
      const second = await runTracker(socketTracker(path))
      expect(second.code).toBe(1)
      expect(second.stderr).toContain(
        `cannot listen on unix:${path} ([network] unix_socket): another process listens there`,
      )
      expect((await askOnce({ path }, '/health')).status).toBe(200)
      tracker.signal('SIGKILL')
      await tracker.waitForEnd()
    })
    expect(readdirSync(folder)).toEqual(['http.sock'])
    await withTracker(socketTracker(path), async () => {
      expect((await askOnce({ path }, '/health')).status).toBe(200)
      expect(readdirSync(folder)).toEqual(['http.sock'])
    })
    const file = join(folder, 'file')
    writeFileSync(file, 'mine')
    const third = await runTracker(socketTracker(file))
    expect(third.code).toBe(1)
    expect(third.stderr).toContain('it exists and is not a socket')
    const checked = { ...socketTracker(file), executable: [HTTP_EXECUTABLE, '--check'] }
    expect(await runTracker(checked)).toMatchObject({ code: 1 })
    const absent = { ...socketTracker('/absent/x'), executable: [HTTP_EXECUTABLE, '--check'] }
    expect((await runTracker(absent)).stderr).toContain(
      'the folder /absent cannot be used (ENOENT)',
    )
    expect(existsSync(file)).toBe(true)
  }))

test('a file that another process has put in its place stays at the stop', () =>
  inSocketFolder(async (folder, path) => {
    await withTracker(socketTracker(path), async (tracker) => {
      const other = createServer()
      await new Promise<void>((resolve) => {
        other.listen(join(folder, 'other'), resolve)
      })
      const { renameSync } = await import('node:fs')
      renameSync(join(folder, 'other'), path)
      tracker.signal('SIGTERM')
      await tracker.waitForEnd()
      expect(readdirSync(folder)).toEqual(['http.sock'])
      other.close()
    })
  }))

test('in a take-over the socket is never missing or without a listener', () =>
  inSocketFolder(async (folder, path) => {
    const options = socketTracker(path, '', '')
    const settings = `${options.settings}[persistence]\npath = '${join(folder, 'state')}'\ntake_over = true\n`
    await withTracker({ ...options, settings }, async (old) => {
      let done = false
      let asked = 0
      const failures: string[] = []
      const ask = async () => {
        while (!done) {
          asked++
          await askOnce({ path }, '/health').catch((error) => failures.push(String(error)))
        }
      }
      const load = Promise.all([ask(), ask(), ask(), ask()])
      await withTracker({ ...options, settings }, async () => {
        expect((await old.waitForEnd()).code).toBe(0)
        done = true
        await load
        expect(asked).toBeGreaterThan(50)
        expect(failures).toEqual([])
        expect(readdirSync(folder).sort()).toEqual(['http.sock', 'state'])
        expect((await askOnce({ path }, '/health')).status).toBe(200)
      })
    })
  }))

test('a take-over that fails leaves the other process its socket, whose name is its own again', () =>
  inSocketFolder(async (folder, path) => {
    const options = socketTracker(path, '', '')
    const settings = `${options.settings}[persistence]\npath = '${join(folder, 'state')}'\ntake_over = true\n`
    await withTracker({ ...options, settings }, async (old) => {
      const { ino } = statSync(path)
      const limited = ['sh', '-c', `trap '' XFSZ; ulimit -f 0; exec "$0" "$@"`, HTTP_EXECUTABLE]
      const failed = await runTracker({ ...options, settings, executable: limited })
      expect(failed.stderr).toContain('cannot write to the folder [persistence] path')
      expect(failed.code).toBe(1)
      expect(statSync(path).ino).toBe(ino)
      expect(readdirSync(folder).sort()).toEqual(['http.sock', 'state'])
      expect((await askOnce({ path }, '/health')).status).toBe(200)
      old.signal('SIGTERM')
      expect((await old.waitForEnd()).code).toBe(0)
      expect(readdirSync(folder)).toEqual(['state'])
    })
  }))

test.skipIf(process.getuid?.() !== 0)(
  'who gives up the rights of root gives the socket away, and removes it at the stop',
  () =>
    inSocketFolder(async (folder, path) => {
      chmodSync(folder, 0o777)
      const network = `unix_socket_group = 'daemon'`
      const privileges = `\n[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'\nuser = 'nobody'\n`
      const options = socketTracker(path, network + privileges)
      await withTracker(options, async (tracker) => {
        const { uid, gid } = statSync(path)
        expect([uid, gid]).toEqual([65534, 1])
        expect((await askOnce({ path }, '/health')).status).toBe(200)
        tracker.signal('SIGTERM')
        expect(await tracker.waitForEnd()).toMatchObject({ code: 0 })
      })
      expect(readdirSync(folder)).toEqual([])
    }),
)

test.each([
  [`unix_socket_mode = '66'`, 'is not three octal digits'],
  [`unix_socket_group = 'no-such-group'`, "'no-such-group' does not exist on this machine"],
  [
    `plain_requests = 'redirect'\nuse_tls = true`,
    'but there is only unix_socket, which has no TLS',
  ],
])('%s is refused at the start', async (network, reason) =>
  inSocketFolder(async (folder, path) => {
    const { code, stderr } = await runTracker(socketTracker(path, network))
    expect(code).toBe(1)
    expect(stderr).toContain(reason)
    expect(readdirSync(folder)).toEqual([])
  }),
)

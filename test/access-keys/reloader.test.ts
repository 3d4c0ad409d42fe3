import { describe, expect, test } from 'bun:test'
import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AccessKeys, KeyGate } from '../../src/access-keys/gate.ts'
import { AccessKeyReloader, accessKeyFaults } from '../../src/access-keys/reloader.ts'
import { type AccessKeyConfig, accessKeyFindings } from '../../src/access-keys/settings.ts'
import { KEY_UNKNOWN, KEY_VALID } from '../../src/access-keys/verdict.ts'
import { StartError } from '../../src/config/cli.ts'
import type { Log } from '../../src/log/log.ts'
import { folderOfFile } from '../support/folder.ts'
import { waitUntil } from '../support/wait.ts'
import { verdictOn } from './support.ts'

const SECRET = 'Zb6cK9_do-not-tell'
const folder = folderOfFile()
let files = 0

/** A file that nobody has touched for long, so that nobody waits for it to hold still. */
function write(path: string, ...keys: string[]): string {
  writeFileSync(path, keys.map((key) => `${key}\n`).join(''))
  const time = 1000 + files++
  utimesSync(path, time, time)
  return path
}

function keyFile(...keys: string[]): string {
  return write(join(folder, `keys-${files}`), ...keys)
}

function required(path: string): AccessKeyConfig {
  return { mode: 'required', path, unknown_keys_per_minute: 60 }
}

const OFF: AccessKeyConfig = { mode: 'off', path: '', unknown_keys_per_minute: 60 }

function reloaderOf(config: AccessKeyConfig) {
  const told: string[] = []
  const sent: AccessKeys[] = []
  const log = {
    info: (text: string) => told.push(`info: ${text}`),
    error: (text: string) => told.push(`error: ${text}`),
    always: (level: string, text: string) => told.push(`always ${level}: ${text}`),
  } as unknown as Log
  const privileges = { drop_privileges: false, chroot_path: folder } as never
  const reloader = new AccessKeyReloader(config, privileges, log, (keys) => sent.push(keys))
  const verdict = (key: string, keys = reloader.keys) =>
    verdictOn(new KeyGate(reloader.gate, keys), key)
  return { reloader, told, sent, verdict }
}

describe('--check', () => {
  test('finds nothing wrong with keys that can be read, or that are off', async () => {
    expect(await accessKeyFaults(required(keyFile('one')))).toEqual([])
    expect(await accessKeyFaults({ ...OFF, path: '/nowhere' })).toEqual([])
  })

  test('names the setting, the file and what is wrong, and no key', async () => {
    expect(await accessKeyFaults(required('/nowhere'))).toEqual([
      "[access_keys] path '/nowhere' cannot be read: there is no such file (ENOENT)",
    ])
    const path = keyFile('one', `${SECRET}!`)
    const [fault] = await accessKeyFaults(required(path))
    expect(fault).toStartWith(
      `[access_keys] path '${path}' line 2 has a character that is not allowed in a key`,
    )
    expect(fault).not.toContain(SECRET.slice(0, 4))
  })
})

describe('settings', () => {
  const privileges = { drop_privileges: true, chroot_path: '/var/lib/aquatic' } as never
  const textsOf = (config: AccessKeyConfig) =>
    accessKeyFindings(config, privileges).map(({ text }) => text.replaceAll(/\s+/g, ' '))

  test('that ask for keys need a file, and a file without that is a warning', () => {
    expect(textsOf(required(''))).toEqual([
      "[access_keys] mode = 'required' needs a list: name its file in [access_keys] path.",
    ])
    expect(textsOf({ ...OFF, path: '/keys' })).toEqual([
      "[access_keys] path names a list, but mode is 'off': no key is required. Set mode = 'required'.",
    ])
  })

  test('of a file beyond the root directory to come are a warning', () => {
    expect(textsOf(required('/etc/keys'))[0]).toContain('it is read at startup, but cannot be read')
    expect(textsOf(required('/var/lib/aquatic/keys'))).toEqual([])
  })
})

describe('a start', () => {
  test('reads the keys', async () => {
    const { reloader, verdict } = reloaderOf(required(keyFile('one', 'two')))
    await reloader.load()
    expect(reloader.count).toBe(2)
    expect(reloader.keys.required).toBe(true)
    expect(reloader.keys.guessesPerMinute).toBe(60)
    expect(['one', 'three'].map((key) => verdict(key))).toEqual([KEY_VALID, KEY_UNKNOWN])
  })

  test('fails for keys that cannot be read, and does not look at those that are off', async () => {
    const { reloader } = reloaderOf(required('/nowhere'))
    await expect(reloader.load()).rejects.toThrow(StartError)
    await expect(reloader.load()).rejects.toThrow("[access_keys] path '/nowhere' cannot be read: ")
    const off = reloaderOf({ ...OFF, path: keyFile('*') })
    await off.reloader.load()
    expect(off.reloader.keys.required).toBe(false)
  })
})

describe('keys that are read again', () => {
  test('go to the workers, hashed as before, and the log says how many', async () => {
    const path = keyFile('one')
    const { reloader, told, sent, verdict } = reloaderOf(required(path))
    await reloader.load()
    write(path, 'two', 'three')
    reloader.reload('SIGUSR1')
    await waitUntil('they were sent', () => sent.length === 1)
    expect(told).toEqual(['always info: access keys (SIGUSR1): mode required, 2 keys'])
    expect(['one', 'two'].map((key) => verdict(key, sent[0]))).toEqual([KEY_UNKNOWN, KEY_VALID])
  })

  test('stay as they are while the file is wrong, which is a trouble that names no key', async () => {
    const path = keyFile('one')
    const { reloader, told, sent, verdict } = reloaderOf(required(path))
    await reloader.load()
    write(path, `${SECRET} ${SECRET}`)
    reloader.reload('SIGUSR1')
    await waitUntil('it was told', () => told.length === 1)
    expect(told[0]).toStartWith(
      `always error: access keys '${path}' (SIGUSR1) line 1 has something`,
    )
    expect(reloader.troubleSource.name).toBe('access_keys_failed')
    const trouble = reloader.troubleSource.find()
    expect(trouble?.text).toContain(path)
    expect(`${told} ${trouble?.text} ${trouble?.remedy}`).not.toContain(SECRET.slice(0, 4))
    expect(verdict('one')).toBe(KEY_VALID)
    write(path, 'two')
    reloader.reload('SIGUSR1')
    await waitUntil('they were sent', () => sent.length === 1)
    expect(reloader.troubleSource.find()).toBeNull()
  })

  test('without any are a trouble, since nobody is served', async () => {
    const path = keyFile('one')
    const { reloader, sent } = reloaderOf(required(path))
    const trouble = () => reloader.emptyTroubleSource.find()
    expect(trouble()).toBeNull()
    await reloader.load()
    expect(trouble()).toBeNull()
    write(path)
    reloader.reload('SIGUSR1')
    await waitUntil('they were sent', () => sent.length === 1)
    expect(trouble()?.severity).toBe('bad')
    reloader.change(OFF)
    await waitUntil('that there are none was sent', () => sent.length === 2)
    expect([trouble(), reloader.count]).toEqual([null, null])
  })

  test('are asked for, or no more, when the settings change', async () => {
    const { reloader, sent } = reloaderOf(OFF)
    await reloader.load()
    reloader.change({ ...required(keyFile('one')), unknown_keys_per_minute: 5 })
    await waitUntil('they were sent', () => sent.length === 1)
    expect([sent[0].required, sent[0].guessesPerMinute]).toEqual([true, 5])
    reloader.change(OFF)
    await waitUntil('that there are none was sent', () => sent.length === 2)
    expect(sent[1].required).toBe(false)
  })
})

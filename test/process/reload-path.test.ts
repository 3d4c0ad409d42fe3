// Which file the reloader reads, and that a mistake in it changes nothing. Without a tracker.
import { describe, expect, spyOn, test } from 'bun:test'
import { resolve } from 'node:path'
import { section } from '../../src/config/schema.ts'
import { integer } from '../../src/config/setting.ts'
import type { Log } from '../../src/log/log.ts'
import { Reloader } from '../../src/process/reloader.ts'
import { signals } from '../../src/process/signals.ts'

const schema = { limits: section('Limits.', { most: integer(1, { min: 0, max: 9 }, 'The most.') }) }

/** That flags name. */
const OTHER_FILES = ['c/d.toml', '/srv/etc/d.toml']

interface Case {
  readonly configPath: string | null
  readonly chroot: string
  readonly rootHasChanged: boolean
  readonly problems?: readonly string[]
}

/** One SIGHUP after the setting has become 2. */
function reload({ configPath, chroot, rootHasChanged, problems = [] }: Case) {
  const told: string[] = []
  const loaded: (string | null)[] = []
  const others: (string | null)[] = []
  const applied: unknown[] = []
  const log = { always: (level: string, text: string) => told.push(`${level}: ${text}`) }
  const context = {
    configPath,
    settingsText: 'before',
    load: (path: string | null, reached: (path: string) => string | null) => {
      loaded.push(path)
      others.push(...OTHER_FILES.map(reached))
      return {
        problems,
        warnings: [],
        config: { limits: { most: 2 } },
        settingsText: () => 'after',
      }
    },
  }
  const rules = {
    schema,
    canApply: () => true,
    apply: (config: unknown, paths: ReadonlySet<string>) => applied.push(config, [...paths]),
  }
  const reloader = new Reloader(
    { limits: { most: 1 } },
    context as never,
    rules as never,
    { chroot_path: chroot } as never,
    log as unknown as Log,
  )
  using on = spyOn(signals, 'on').mockImplementation(() => {})
  reloader.start(rootHasChanged, { reload: (work: () => void) => work() } as never)
  const [name, listener] = on.mock.calls[0]
  expect(name).toBe('SIGHUP')
  listener()
  return { told, loaded, others, applied, settingsText: reloader.settingsText }
}

describe('SIGHUP', () => {
  test.each([
    ['the file as it was given', 'a/b.toml', '/srv', false, resolve('a/b.toml')],
    ['the file below the new root', '/srv/etc/b.toml', '/srv', true, '/etc/b.toml'],
    ['the same before the root has changed', '/srv/etc/b.toml', '/srv', false, '/srv/etc/b.toml'],
    ['none where there is none', null, '/srv', true, null],
    ['none where there is none, in the same root', null, '/srv', false, null],
  ])('reads %s', (_, configPath, chroot, rootHasChanged, expected) => {
    const { loaded, applied, told, settingsText } = reload({ configPath, chroot, rootHasChanged })
    expect(loaded).toEqual([expected])
    expect(applied).toEqual([{ limits: { most: 2 } }, ['limits.most']])
    expect(told).toHaveLength(1)
    expect(told[0]).toStartWith('info: settings changed: ')
    expect(settingsText).toBe('after')
  })

  test.each([
    [
      'as they were given, from where the process began',
      false,
      [resolve('c/d.toml'), '/srv/etc/d.toml'],
    ],
    ['below the new root, or not at all', true, [null, '/etc/d.toml']],
  ])('reads files that flags name %s', (_, rootHasChanged, expected) => {
    const found = reload({ configPath: null, chroot: '/srv', rootHasChanged })
    expect(found.others).toEqual(expected)
  })

  test('reads nothing when the file is outside of the new root', () => {
    const found = reload({ configPath: '/etc/b.toml', chroot: '/srv', rootHasChanged: true })
    expect(found.loaded).toEqual([])
    expect(found.applied).toEqual([])
    expect(found.told).toEqual([
      'error: settings stay as they are: /etc/b.toml is not below [privileges] chroot_path, so it cannot be read again',
    ])
  })

  test('changes nothing when something is wrong, and tells all of it', () => {
    const problems = ['one', 'two']
    const found = reload({ configPath: 'b.toml', chroot: '', rootHasChanged: false, problems })
    expect(found.applied).toEqual([])
    expect(found.settingsText).toBe('before')
    expect(found.told).toEqual([
      'error: settings stay as they are: one',
      'error: settings stay as they are: two',
    ])
  })
})

import { expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSettingsOf } from '../../../load/compare/candidates.ts'
import { inFolder } from '../../support/folder.ts'

test('settings for a tracker or a load tester come from a file, and from nothing that waits', () =>
  inFolder((folder) => {
    const path = join(folder, 'settings.toml')
    writeFileSync(path, 'seed = 1\n')
    expect(readSettingsOf(path)).toBe('seed = 1\n')
    const pipe = join(folder, 'pipe')
    spawnSync('mkfifo', [pipe])
    expect(() => readSettingsOf(pipe)).toThrow(`${pipe} cannot be read: it is a pipe`)
  }))

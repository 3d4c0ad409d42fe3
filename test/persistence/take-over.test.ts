// What a starting process does with the different answers in the folder.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Folder } from '../../src/persistence/folder.ts'
import { FolderLock } from '../../src/persistence/folder-lock.ts'
import { LineSocket } from '../../src/persistence/line-socket.ts'
import { enterFolder } from '../../src/persistence/take-over.ts'
import { inFolder } from '../support/folder.ts'
import { passMs } from '../support/wait.ts'
import { KEEPS_RIGHTS, whileHeld } from './folders.ts'
import { lines, log } from './test-persistence.ts'

setDefaultTimeout(180_000)

function enter(path: string, takeOver = true) {
  lines.length = 0
  const folder = new Folder(path, KEEPS_RIGHTS, null)
  const lock = new FolderLock(folder, 'test.lock')
  return enterFolder({ folder, lock, socketName: 'test.sock', takeOver, log })
}

/** A tracker, of a version that may know nothing of the lock, says this to whoever asks; null = it ends. */
async function whileAnswered<T>(folder: string, answer: string | null, use: () => Promise<T>) {
  const asked: (string | null)[] = []
  const server = createServer(async (socket) => {
    const line = new LineSocket(socket)
    asked.push(await line.next(10_000))
    if (answer === null) server.close()
    else line.send(answer)
    await line.close()
  })
  await new Promise<void>((resolve) => server.listen(join(folder, 'test.sock'), resolve))
  try {
    const result = await use()
    expect(asked).toEqual(['take-over 1'])
    return result
  } finally {
    server.close()
  }
}

test.each([
  ['busy', 'another process is already taking over'],
  ['failed', 'it could not write a snapshot; see its log'],
  ['unknown', 'it speaks another version'],
])('the answer «%s» stops the start with its reason', (answer, reason) =>
  inFolder((folder) =>
    whileAnswered(folder, answer, async () => {
      await expect(enter(folder)).rejects.toThrow(
        `the tracker that uses the folder [persistence] path '${folder}' does not hand over: ${reason}`,
      )
    }),
  ),
)

test('one that has a snapshot is taken over', () =>
  inFolder((folder) =>
    whileAnswered(folder, 'snapshot', async () => {
      expect(await enter(folder)).not.toBeNull()
      expect(lines).toEqual([])
    }),
  ))

test('one that ends instead of an answer makes the start an ordinary one', () =>
  inFolder((folder) =>
    whileAnswered(folder, null, async () => {
      expect(await enter(folder)).toBeNull()
      expect(lines).toEqual([
        'waiting for the tracker that uses the folder: it is starting or ending',
      ])
    }),
  ))

test('one that does not answer is waited for, with one line', () =>
  inFolder((folder) =>
    whileHeld(folder, 'test.lock', async (kill) => {
      const entering = enter(folder)
      // Polls of several rounds.
      await passMs(200)
      await kill()
      expect(await entering).toBeNull()
      expect(lines).toHaveLength(1)
    }),
  ))

test('what nobody listens at, by its name, is in nobody’s way', () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, 'test.sock'), '')
    expect(await enter(folder)).toBeNull()
  }))

test('a name too long for a socket stops the start', () =>
  inFolder(async (place) => {
    const lengthOf = (name: string) => Buffer.byteLength(join(place, name, 'test.sock'))
    const fits = 'x'.repeat(107 - lengthOf('') - 1)
    expect(lengthOf(fits)).toBe(107)
    expect(await enter(join(place, fits))).toBeNull()
    await expect(enter(join(place, `${fits}x`))).rejects.toThrow(
      'is too long a path for the socket in it',
    )
  }))

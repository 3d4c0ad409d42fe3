// A program of the tests beside it: takes the lock on a persistence folder, and keeps it until it is killed.
// Usage: bun lock-holder.ts FOLDER NAME; says «true» when it is the owner.
import { Folder } from '../../src/persistence/folder.ts'
import { FolderLock } from '../../src/persistence/folder-lock.ts'
import { KEEPS_RIGHTS } from './folders.ts'

const [, , path, name] = process.argv
const lock = new FolderLock(new Folder(path, KEEPS_RIGHTS, null), name)
lock.take()
process.stdout.write(`${lock.isOwner}\n`)
setInterval(() => lock.isOwner, 1000)

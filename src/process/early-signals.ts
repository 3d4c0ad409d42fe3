// Takes the process's signals. The first import of each tracker's executable, because a module runs
// after those that it imports: a signal that comes while the others load must not end the process.
import { isMainThread } from 'node:worker_threads'
import { signals } from './signals.ts'

if (isMainThread) signals.take()

// What is to be done at the end of a turn of a worker's own loop: things of which a turn may cause many, and which are done
// once. Used by socket-worker.ts; on an event loop setImmediate does the same.

export class TurnEnd {
  private tasks: (() => void)[] = []
  private running: (() => void)[] = []

  readonly plan = (task: () => void): void => {
    this.tasks.push(task)
  }

  // HOT: no allocation below this line.

  /** What is planned meanwhile is done at the end of the next turn. */
  run(): void {
    const { tasks } = this
    this.tasks = this.running
    this.running = tasks
    for (let i = 0; i < tasks.length; i++) tasks[i]()
    tasks.length = 0
  }

  get isEmpty(): boolean {
    return this.tasks.length === 0
  }
}

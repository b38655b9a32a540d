// PostgreSQL with pgvector (PGlite: the server itself, compiled to WebAssembly) on a port of 127.0.0.1.
// Prints the port, and ends with its standard input: whoever started it is gone then.
//
//   node postgres.mjs [FOLDER]     FOLDER keeps the data; without one they are in memory
//
// PGlite is one session, which its clients share here. A client has it from the first message of a statement to the
// last, or to the end of its transaction, which is rolled back if the client goes away.
import { createServer } from 'node:net';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';

const [QUERY, SYNC, FLUSH, TERMINATE, COPY_DONE, COPY_FAIL, COPY_IN] = [...'QSHXcfG'].map(letter => letter.charCodeAt(0));
const [TLS_REQUEST, GSS_REQUEST, CANCEL_REQUEST] = [80877103, 80877104, 80877102];

const database = await PGlite.create({ dataDir: process.argv[2], extensions: { vector } });
let last = Promise.resolve(); // ends when the last client that waits has had its turn

async function takeTurn() {
  const before = last;
  let end;
  last = new Promise(resolve => { end = resolve; });
  await before;
  return end;
}

/** CopyInResponse: binary, and every column too. */
function copyIn(columns) {
  const answer = Buffer.alloc(8 + 2 * columns);
  answer[0] = COPY_IN;
  answer.writeInt32BE(answer.length - 1, 1);
  answer[5] = 1;
  answer.writeInt16BE(columns, 6);
  for (let i = 0; i < columns; i++)
    answer.writeInt16BE(1, 8 + 2 * i);
  return answer;
}

class Client {
  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.isStarted = false;
    this.messages = []; // of the statement so far
    this.isCopy = false;
    this.endTurn = null; // while it has the session
    this.work = Promise.resolve();
    socket.setNoDelay(true);
    socket.on('data', data => this.do(() => this.receive(data)));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.do(() => this.leave()));
  }

  /** One thing after the other. */
  do(step) {
    this.work = this.work.then(step).catch(failure => {
      console.error(failure);
      this.socket.destroy();
    });
  }

  async receive(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    for (;;) {
      const head = this.isStarted ? 1 : 0; // the first messages have no type
      if (this.buffer.length < head + 4)
        return;
      const length = head + this.buffer.readInt32BE(head);
      if (this.buffer.length < length)
        return;
      const message = this.buffer.subarray(0, length);
      this.buffer = this.buffer.subarray(length);
      await (this.isStarted ? this.take(message) : this.start(message));
    }
  }

  async start(message) {
    const code = message.readInt32BE(4);
    if (code === TLS_REQUEST || code === GSS_REQUEST) {
      this.socket.write('N');
    } else if (code === CANCEL_REQUEST) {
      this.socket.end();
    } else {
      this.isStarted = true;
      await this.run([message]);
    }
  }

  async take(message) {
    const type = message[0];
    if (type === TERMINATE) {
      this.socket.end();
      return;
    }

    this.messages.push(message);
    if (this.isCopy ? type !== COPY_DONE && type !== COPY_FAIL : type !== QUERY && type !== SYNC && type !== FLUSH)
      return;
    // PGlite wants a whole COPY at once. So the client is told from here to send its data.
    const columns = type === QUERY ? /^COPY [^(]*\(([^)]*)\) FROM STDIN/.exec(message.subarray(5).toString()) : null;
    if (columns !== null) {
      this.isCopy = true;
      this.socket.write(copyIn(columns[1].split(',').length));
      return;
    }

    const messages = this.messages;
    this.messages = [];
    await this.run(messages);
    this.isCopy = false;
  }

  async run(messages) {
    this.endTurn ??= await takeTurn();
    const parts = [];
    await database.execProtocolRawStream(
      new Uint8Array(Buffer.concat(messages)), { onRawData: part => parts.push(Buffer.from(part)) });
    const answer = Buffer.concat(parts);
    const isTold = this.isCopy && answer[0] === COPY_IN; // the client knows already
    if (this.socket.writable)
      this.socket.write(isTold ? answer.subarray(1 + answer.readInt32BE(1)) : answer);
    if (!database.isInTransaction())
      this.giveBack();
  }

  async leave() {
    if (this.endTurn === null)
      return;
    if (database.isInTransaction())
      await database.exec('ROLLBACK');
    this.giveBack();
  }

  giveBack() {
    this.endTurn?.();
    this.endTurn = null;
  }
}

const server = createServer(socket => new Client(socket));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();

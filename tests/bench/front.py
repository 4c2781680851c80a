"""One `octavo ocr` that is given its documents one by one, through a pipe (--files-from -)."""
import collections
import subprocess
import threading
import time

import place
import told
import tree

PATIENCE = 300  # seconds without any news after which a document counts as unanswered


class Front:
    """A running front process. prefix: a command in front of it, as of cgroup.Group.inside()."""

    def __init__(self, out, options=(), inside=lambda argv: argv):
        argv = [place.OCTAVO, "ocr", "--files-from", "-", "-f", "text,json", "-o", out, "--timing", "-v", *options]
        self.out, self.lines, self.failures = out, [], collections.defaultdict(list)
        self.sentences = told.errors()
        self.process = subprocess.Popen([str(word) for word in inside(argv)], stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        self.listener = threading.Thread(target=self.listen)
        self.listener.start()

    def listen(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            failure = told.failure(self.lines[-1], self.sentences)
            if failure:
                self.failures[failure[0]].append(failure[1])

    @property
    def pid(self):
        return self.process.pid

    def feed(self, file):
        self.process.stdin.write(f"{file}\n")
        self.process.stdin.flush()

    def result(self, file):
        """The text of a document, None while there is none. Names must differ in more than their last suffix."""
        path = self.out / f"{file.stem}.txt"
        return path.read_text(encoding="utf-8") if path.exists() else None

    def is_answered(self, file):
        return str(file) in self.failures or (self.out / f"{file.stem}.json").exists()

    def wait_for(self, files, patience=PATIENCE):
        """Waits until all are answered; those that are not, when nothing has come for so long or octavo has ended."""
        waiting, since = list(files), time.monotonic()
        while waiting and time.monotonic() - since < patience:
            left = [file for file in waiting if not self.is_answered(file)]
            if len(left) < len(waiting):
                waiting, since = left, time.monotonic()
            elif self.process.poll() is not None:
                break
            time.sleep(0.05)
        return waiting

    def memory(self):
        return tree.memory(self.pid)

    def finish(self, patience=PATIENCE):
        """Ends the list of documents and waits for the end; the exit status, None if it had to be killed."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended by itself
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = None
        self.listener.join()
        self.process.stderr.close()
        return status

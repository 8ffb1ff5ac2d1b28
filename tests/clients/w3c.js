// The W3C's interface, as browsers, Node.js and Bun have it. `begin` resolves with "welcome" or,
// if there is none, with what `finish` resolves with: what the interface reported in the end.
(() => {
  let ended;

  const data = ([kind, text, times]) =>
    kind === "text" ? text.repeat(times) : new TextEncoder().encode(text.repeat(times));

  globalThis.begin = ({ url, protocols, origin, at_open, at_welcome, leave }) => {
    // Only programs are asked to name an origin: a page has its own.
    const options = origin ? { protocols, headers: { origin } } : protocols;
    const socket = new WebSocket(url, options);
    const events = [];
    const heard = [];
    const send = (frames) => frames.forEach((sent) => socket.send(data(sent)));
    socket.onopen = () => send(at_open);
    socket.onerror = () => events.push("error");
    const welcomed = new Promise((resolve) => {
      socket.onmessage = (event) => {
        heard.push(JSON.parse(event.data).type);
        if (heard.length === 1 && heard[0] === "welcome") {
          resolve("welcome");
          send(at_welcome);
          if (leave) {
            socket.close(1000, "bye");
          }
        }
      };
    });
    ended = new Promise((resolve) => {
      socket.onclose = ({ code, reason, wasClean }) => {
        const told = [...events, "close"].join(" ");
        resolve({ told, code, reason, clean: wasClean, status: null, heard });
      };
    });
    return Promise.race([welcomed, ended]);
  };

  globalThis.finish = () => ended;
})();

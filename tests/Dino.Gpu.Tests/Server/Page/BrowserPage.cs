using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace Dino.Gpu.Tests.Server.Page;

/// <summary>A window of its own, with its own storage, that a test looks at and types into.</summary>
public sealed class BrowserPage : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20); // on a busy machine

    private readonly Chromium _browser;
    private readonly string _context;
    private readonly string _session;
    private readonly ConcurrentQueue<string> _problems = new();
    private readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly TaskCompletionSource<int> _dialog = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private BrowserPage(Chromium browser, string context, string session)
    {
        _browser = browser;
        _context = context;
        _session = session;
        browser.Listen(session, OnEvent);
    }

    /// <summary>
    /// What went wrong: exceptions, errors on the console, violations of the content security policy. An HTTP status of
    /// 400 or more is none: pages are told of it.
    /// </summary>
    public IReadOnlyCollection<string> Problems => _problems;

    /// <summary>Opens an address in a window, and waits until it is loaded.</summary>
    public static async Task<BrowserPage> OpenAsync(Chromium browser, Uri address, int width = 1100, int height = 800, bool dark = false)
    {
        await browser.StartAsync();
        string context = (string)(await browser.SendAsync("Target.createBrowserContext"))["browserContextId"]!;
        JsonObject target = await browser.SendAsync(
            "Target.createTarget", new JsonObject { ["url"] = "about:blank", ["browserContextId"] = context });
        JsonObject attached = await browser.SendAsync(
            "Target.attachToTarget", new JsonObject { ["targetId"] = (string)target["targetId"]!, ["flatten"] = true });
        var page = new BrowserPage(browser, context, (string)attached["sessionId"]!);
        foreach (string domain in (string[])["Page", "Runtime", "Log", "DOM", "Audits"])
            await page.SendAsync($"{domain}.enable");
        await page.SendAsync("Emulation.setDeviceMetricsOverride", new JsonObject
        {
            ["width"] = width,
            ["height"] = height,
            ["deviceScaleFactor"] = 1,
            ["mobile"] = false,
        });
        await page.SendAsync("Emulation.setEmulatedMedia", new JsonObject
        {
            ["features"] = new JsonArray(
                new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = dark ? "dark" : "light" },
                new JsonObject { ["name"] = "prefers-reduced-motion", ["value"] = "reduce" }),
        });
        await page.SendAsync("Page.navigate", new JsonObject { ["url"] = address.ToString() });
        await page._loaded.Task.WaitAsync(Patience);
        return page;
    }

    /// <summary>The value of an expression of JavaScript.</summary>
    public async Task<JsonNode?> EvaluateAsync(string expression)
    {
        JsonObject answer = await SendAsync("Runtime.evaluate", new JsonObject
        {
            ["expression"] = expression,
            ["returnByValue"] = true,
            ["awaitPromise"] = true,
        });
        return answer["exceptionDetails"] is { } failure
            ? throw new InvalidOperationException($"{expression}: {failure["exception"]?["description"] ?? failure["text"]}")
            : answer["result"]!["value"];
    }

    /// <summary>The text of the first element that a selector finds, as it is seen.</summary>
    public async Task<string> TextAsync(string selector) =>
        (string?)await EvaluateAsync($"document.querySelector({JsonValue.Create(selector).ToJsonString()}).innerText") ?? "";

    /// <summary>Waits until a condition in JavaScript holds.</summary>
    public async Task UntilAsync(string condition)
    {
        long end = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while ((bool?)await EvaluateAsync($"Boolean({condition})") != true)
        {
            if (Environment.TickCount64 > end)
            {
                string text = await TextAsync("body");
                throw new TimeoutException($"never: {condition}\nthe page says: {text}\nproblems: {string.Join("; ", _problems)}");
            }

            await Task.Delay(20);
        }
    }

    /// <summary>Puts a file into an input, as choosing it does.</summary>
    public async Task ChooseAsync(string selector, string file)
    {
        JsonObject document = await SendAsync("DOM.getDocument");
        JsonObject node = await SendAsync("DOM.querySelector", new JsonObject
        {
            ["nodeId"] = (int)document["root"]!["nodeId"]!,
            ["selector"] = selector,
        });
        await SendAsync("DOM.setFileInputFiles", new JsonObject
        {
            ["nodeId"] = (int)node["nodeId"]!,
            ["files"] = new JsonArray(file),
        });
    }

    /// <summary>Does what opens a dialog for a file, and chooses one there.</summary>
    public async Task AnswerFileDialogAsync(Func<Task> open, string file)
    {
        await SendAsync("Page.setInterceptFileChooserDialog", new JsonObject { ["enabled"] = true });
        await open();
        int input = await _dialog.Task.WaitAsync(Patience);
        await SendAsync("DOM.setFileInputFiles", new JsonObject { ["backendNodeId"] = input, ["files"] = new JsonArray(file) });
    }

    /// <summary>Drags a file into the window and drops it there.</summary>
    public async Task DropAsync(string file, int x, int y)
    {
        foreach (string type in (string[])["dragEnter", "dragOver", "drop"])
        {
            await SendAsync("Input.dispatchDragEvent", new JsonObject
            {
                ["type"] = type,
                ["x"] = x,
                ["y"] = y,
                ["data"] = new JsonObject { ["items"] = new JsonArray(), ["files"] = new JsonArray(file), ["dragOperationsMask"] = 1 },
            });
        }
    }

    /// <summary>Presses a key: <c>Tab</c>, <c>Enter</c>, <c>Escape</c>, <c>ArrowRight</c>, or a letter.</summary>
    /// <param name="key">As <c>KeyboardEvent.key</c> names it.</param>
    /// <param name="shift">Whether Shift is held.</param>
    public async Task PressAsync(string key, bool shift = false)
    {
        int code = key switch
        {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            " " => 32,
            "ArrowRight" => 39,
            _ => key[0],
        };
        string? text = key == "Enter" ? "\r" : key.Length == 1 ? key : null;
        foreach (string type in (string[])["keyDown", "keyUp"])
        {
            var press = new JsonObject
            {
                ["type"] = type,
                ["key"] = key,
                ["code"] = key,
                ["windowsVirtualKeyCode"] = code,
                ["modifiers"] = shift ? 8 : 0,
            };
            if (text is not null && type == "keyDown")
                press["text"] = text;
            await SendAsync("Input.dispatchKeyEvent", press);
        }
    }

    /// <summary>Types a text where the focus is.</summary>
    public Task TypeAsync(string text) => SendAsync("Input.insertText", new JsonObject { ["text"] = text });

    /// <summary>A PNG of the window, or of all that can be scrolled to.</summary>
    public async Task<byte[]> ScreenshotAsync(bool whole = false)
    {
        JsonObject shot = await SendAsync("Page.captureScreenshot", new JsonObject { ["captureBeyondViewport"] = whole });
        return Convert.FromBase64String((string)shot["data"]!);
    }

    public async ValueTask DisposeAsync() =>
        await _browser.SendAsync("Target.disposeBrowserContext", new JsonObject { ["browserContextId"] = _context });

    private Task<JsonObject> SendAsync(string method, JsonObject? parameters = null) => _browser.SendAsync(method, parameters, _session);

    private void OnEvent(string name, JsonObject what)
    {
        switch (name)
        {
            case "Page.loadEventFired":
                _loaded.TrySetResult();
                break;
            case "Page.fileChooserOpened":
                _dialog.TrySetResult((int)what["backendNodeId"]!);
                break;
            case "Runtime.exceptionThrown":
                JsonNode details = what["exceptionDetails"]!;
                _problems.Enqueue($"{details["text"]} {details["exception"]?["description"]}");
                break;
            case "Runtime.consoleAPICalled" when (string)what["type"]! is "error" or "warning" or "assert":
                _problems.Enqueue(what["args"]!.ToJsonString());
                break;
            case "Log.entryAdded" when (string)what["entry"]!["level"]! is "error" or "warning" && !IsStatus(what["entry"]!):
                _problems.Enqueue($"{what["entry"]!["source"]}: {what["entry"]!["text"]}");
                break;
            case "Audits.issueAdded" when (string)what["issue"]!["code"]! == "ContentSecurityPolicyIssue":
                _problems.Enqueue(what["issue"]!.ToJsonString());
                break;
        }
    }

    // Chromium logs every answer of 400 and more, and a server that is gone; the page handles both.
    private static bool IsStatus(JsonNode entry) => (string)entry["source"]! == "network";
}

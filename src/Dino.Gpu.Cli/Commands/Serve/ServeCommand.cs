using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino serve</c>: embeddings, attention maps and search over HTTP and gRPC.</summary>
internal sealed class ServeCommand(CliConsole console)
{
    private const string Examples = """
        # on this machine, at http://127.0.0.1:8080
        dino serve -w synthetic
        # an index to search, and the pictures in it
        dino serve --index photos.dinoidx --pictures photos
        # for other machines, with keys
        dino serve --host 0.0.0.0 --api-key-file keys.txt
        # encrypted; Kestrel__Certificates__Default__Path names the certificate
        dino serve --host 0.0.0.0 --port 8443 --tls
        """;

    private const string Notes = """
        Ask it with curl --data-binary @cat.jpg http://127.0.0.1:8080/embed, or with any client of OpenAI's embeddings. docs/serve.md has
        every endpoint. SIGTERM and Ctrl+C end it once the requests under way are answered.
        """;

    private const int LargestPort = 65535;
    private const int Mebi = 1 << 20;

    private readonly Option<IPAddress> _host = new("--host")
    {
        Description = "Address to listen on. 0.0.0.0 or :: lets other machines ask.",
        HelpName = "ADDRESS",
        DefaultValueFactory = _ => IPAddress.Loopback,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (text == "localhost")
                return IPAddress.Loopback;
            if (IPAddress.TryParse(text, out IPAddress? address))
                return address;
            result.AddError($"--host: expected an address such as 127.0.0.1 or 0.0.0.0, found '{text}'");
            return null;
        },
    };

    private readonly Option<long> _port = Parsing.Whole("--port", "Port to listen on; 0 for any that is free.", 8080, 0, LargestPort);

    private readonly Option<int?> _grpcPort = new("--grpc-port")
    {
        Description = "A second port, for gRPC without TLS. With --tls the first one takes gRPC, too.",
        HelpName = "N",
        CustomParser = result => (int)Parsing.Whole(result, "--grpc-port", 0, LargestPort),
    };

    private readonly Option<bool> _tls = Parsing.Switch("--tls", "Encrypt, with the certificate of Kestrel's configuration.");

    private readonly Option<string[]> _allowedHosts = Names(
        "--allowed-hosts", "Names that clients may call the server by. [default: those of this machine if only it may ask, else any]");

    private readonly Option<string?> _modelId = new("--model-id")
    {
        Description = "The model's name in requests and answers. [default: that of the weights]",
        HelpName = "NAME",
    };

    private readonly Option<bool> _normalize = Parsing.Switch(
        "--normalize", "Scale embeddings to length 1, unless a request says otherwise.");
    private readonly Option<string?> _index = Parsing.File("--index", "Vectors to search: what dino index or dino embed wrote.");
    private readonly Option<bool> _readOnly = Parsing.Switch("--read-only", "Let nobody change the index.");

    private readonly Option<string?> _pictures = new("--pictures")
    {
        Description = "Show clients the pictures of this folder that the index has.",
        HelpName = "DIR",
    };

    private readonly Option<string?> _keys = Parsing.File("--api-key-file", "Ask clients for one of the keys in this file, one a line.");

    private readonly Option<string[]> _urls = Names(
        "--allow-urls", "Fetch pictures from these hosts, and from no private address. [default: no URL is fetched]");

    private readonly Option<long> _maxBody = Parsing.Whole("--max-body", "Most MiB of a request.", 32, 1, 1024);
    private readonly Option<long> _maxItems = Parsing.Whole(
        "--max-items", "Most pictures of a request; no more than --queue.", 256, 1, 100_000);

    private readonly Option<long> _queue = Parsing.Whole(
        "--queue", "Most pictures that wait for the model; more are answered with 429.", new DinoOptions().QueueLimit, 1, 1_000_000);

    private readonly Option<long> _delay = Parsing.Whole(
        "--batch-delay", "Milliseconds that a picture waits for others although the device is free.", 0, 0, 60_000);

    private readonly Option<long> _drain = Parsing.Whole(
        "--drain", "Seconds that /health/ready says no before the server stops listening.", 0, 0, 3600);

    private readonly Option<bool> _noPage = Parsing.Switch("--no-page", "Omit the page at /.");
    private readonly EncoderOptions _encoder = new(console);

    public static Command Create(CliConsole console)
    {
        var serve = new ServeCommand(console);
        var command = new CliCommand(
            "serve", "Serve embeddings, attention maps and search over HTTP, in OpenAI's shape and plain.", Examples, Notes)
        {
            serve._host, serve._port, serve._grpcPort, serve._tls, serve._allowedHosts, serve._modelId, serve._normalize, serve._index,
            serve._readOnly, serve._pictures, serve._keys, serve._urls, serve._maxBody, serve._maxItems, serve._queue, serve._delay,
            serve._drain, serve._noPage,
        };
        serve._encoder.AddTo(command);
        command.Validators.Add(serve.Check);
        command.SetAction((parsed, cancellation) => new ServeJob(serve.Settings(parsed), console).RunAsync(cancellation));
        return command;
    }

    private void Check(CommandResult result)
    {
        if (result.IsGiven(_maxItems) && result.GetValue(_maxItems) > result.GetValue(_queue))
        {
            result.AddError(UsageErrors.Of(
                $"--max-items: expected at most --queue, {result.GetValue(_queue)}, found {result.GetValue(_maxItems)}",
                "raise --queue: pictures of a request wait together"));
        }

        if (result.GetValue(_grpcPort) is { } grpc and > 0 && grpc == result.GetValue(_port))
        {
            result.AddError(UsageErrors.Of(
                $"--grpc-port: expected another port than --port, found {grpc}", "gRPC without TLS needs one of its own"));
        }

        if (result.GetValue(_index) is not null)
            return;
        if (result.IsGiven(_pictures))
            result.AddError(UsageErrors.Of("--pictures shows those of an index", "add --index FILE"));
        if (result.GetValue(_readOnly))
            result.AddError(UsageErrors.Of("--read-only is for an index", "add --index FILE"));
    }

    private ServeSettings Settings(ParseResult parsed) => new()
    {
        Weights = _encoder.Weights(parsed),
        Model = _encoder.Model(parsed) with
        {
            QueueLimit = (int)parsed.GetValue(_queue),
            MaxBatchDelay = TimeSpan.FromMilliseconds(parsed.GetValue(_delay)),
        },
        Address = parsed.GetValue(_host)!,
        Port = (int)parsed.GetValue(_port),
        GrpcPort = parsed.GetValue(_grpcPort),
        Tls = parsed.GetValue(_tls),
        HostNames = parsed.GetValue(_allowedHosts) ?? [],
        ModelId = parsed.GetValue(_modelId),
        Normalize = parsed.GetValue(_normalize),
        Index = parsed.GetValue(_index),
        ReadOnly = parsed.GetValue(_readOnly),
        Pictures = parsed.GetValue(_pictures),
        ApiKeyFile = parsed.GetValue(_keys),
        AllowedUrls = parsed.GetValue(_urls) ?? [],
        MaxBody = parsed.GetValue(_maxBody) * Mebi,
        MaxItems = (int)Math.Min(parsed.GetValue(_maxItems), parsed.GetValue(_queue)),
        Drain = TimeSpan.FromSeconds(parsed.GetValue(_drain)),
        Page = !parsed.GetValue(_noPage),
    };

    /// <summary>An option with names of hosts.</summary>
    private static Option<string[]> Names(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "HOST,...",
        CustomParser = result => Parsing.List(
            result, name, "names of hosts", (string text, out string host) => (host = text.Trim()).Length > 0 && !host.Contains('/')),
    };
}

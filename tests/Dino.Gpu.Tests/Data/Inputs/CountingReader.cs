namespace Dino.Gpu.Tests.Data.Inputs;

/// <summary>Lines that are made when they are asked for, and counted.</summary>
internal sealed class CountingReader(IEnumerable<string> lines) : TextReader
{
    private readonly IEnumerator<string> _lines = lines.GetEnumerator();
    private string _begun = "";

    public int Taken { get; private set; }

    public override string? ReadLine()
    {
        if (_begun.Length == 0 && !Next())
            return null;
        string line = _begun[..^1];
        _begun = "";
        return line;
    }

    public override int Read()
    {
        if (_begun.Length == 0 && !Next())
            return -1;
        char next = _begun[0];
        _begun = _begun[1..];
        return next;
    }

    private bool Next()
    {
        if (!_lines.MoveNext())
            return false;
        Taken++;
        _begun = _lines.Current + "\n";
        return true;
    }
}

using System.Text;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// The names of a list, each as soon as its end is there: a line each, or, where the first of them ends in a NUL as
/// those of <c>find -print0</c> do, what lies between
/// NULs. Blank ones are empty names, but those at the end of the list are none.
/// </summary>
/// <param name="reader">The list.</param>
internal sealed class NameReader(TextReader reader)
{
    private char? _end; // what ended the first name: a NUL, or the end of a line
    private readonly StringBuilder _name = new();
    private long _blanks; // handed out before the name held back
    private string? _held;

    /// <summary>Whether names end in a NUL.</summary>
    public bool EndInNul => _end == '\0';

    /// <summary>The first name that is not blank, once <see cref="Next"/> was called.</summary>
    public string First { get; private set; } = "";

    /// <summary>The next name, which may be empty.</summary>
    /// <returns>Null at the end.</returns>
    public string? Next()
    {
        if (_held is null)
        {
            while ((_held = Read()) is "")
                _blanks++;
            if (First.Length == 0)
                First = _held ?? "";
        }

        if (_held is null)
            return null;
        if (_blanks > 0)
        {
            _blanks--;
            return "";
        }

        string name = _held;
        _held = null;
        return name;
    }

    private string? Read()
    {
        string? name = _end switch { null => UpTo("\0\n"), '\0' => UpTo("\0"), _ => UpTo("\n") };
        // a line of Windows; inside a line it is a letter of the name
        return name is { Length: > 0 } && name[^1] == '\r' && _end != '\0' ? name[..^1] : name;
    }

    private string? UpTo(string ends)
    {
        _name.Clear();
        int next;
        while ((next = reader.Read()) >= 0)
        {
            if (ends.Contains((char)next, StringComparison.Ordinal))
            {
                _end = (char)next;
                return _name.ToString();
            }

            _name.Append((char)next);
        }

        return _name.Length > 0 ? _name.ToString() : null;
    }
}

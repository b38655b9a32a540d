namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// Addresses such as <c>https://host/a.jpg</c> and <c>s3://bucket/a.jpg</c>, which are neither read nor written.
/// </summary>
internal static class UrlInput
{
    internal const string NotRead = "URLs are not read (expected a file or a folder)";

    private static readonly string[] StoreSchemes = ["postgres://", "postgresql://", "qdrant://"];

    /// <summary>Fails for an argument that is an address. A file of that name is looked for before.</summary>
    /// <exception cref="DinoException">It is one.</exception>
    public static void Refuse(string input)
    {
        if (!IsUrl(input))
            return;
        bool isFile = input.StartsWith("file://", StringComparison.OrdinalIgnoreCase);
        string hint = isFile ? $"give the path: {Uri.UnescapeDataString(input["file://".Length..])}"
            : IsStore(input) ? "a database is the INDEX of dino search, and the --to of dino index"
            : "download it, and give the file";
        throw new DinoException($"cannot read '{WithoutPassword(input)}': {NotRead}", hint);
    }

    /// <summary>Fails for an output that is an address: its slashes would become folders here.</summary>
    /// <exception cref="DinoException">It is one.</exception>
    public static void RefuseOutput(string output)
    {
        if (IsUrl(output) && !Path.Exists(output))
        {
            throw new DinoException(
                $"cannot write '{WithoutPassword(output)}': URLs are not written (expected a file or a folder)",
                $"a database is the --to of dino index ({string.Join(" or ", StoreSchemes)})");
        }
    }

    /// <summary>Whether an argument is the address of a database of vectors.</summary>
    public static bool IsStore(string text) =>
        StoreSchemes.Any(scheme => text.StartsWith(scheme, StringComparison.OrdinalIgnoreCase));

    /// <summary>
    /// An address without its user and password, and without what follows a question mark, for messages. A password may
    /// hold a question mark itself, and a parameter an @: what then is which is not known, so nothing is shown.
    /// </summary>
    public static string WithoutPassword(string address)
    {
        int start = address.IndexOf("://", StringComparison.Ordinal), end = address.LastIndexOf('@'), query = address.IndexOf('?');
        if (start >= 0 && end > start && query >= 0 && query < end)
            return $"{address[..(start + 3)]}...";
        address = query < 0 ? address : $"{address[..query]}?...";
        return start < 0 || end < start ? address : $"{address[..(start + 3)]}...{address[end..]}";
    }

    /// <summary>Fails for a row of a list that is an address, and no file.</summary>
    /// <exception cref="DinoException">It is one.</exception>
    public static void RefuseRow(string path)
    {
        if (IsUrl(path) && !File.Exists(path))
            throw new DinoException(NotRead);
    }

    /// <summary>A scheme of two letters or more (one is a drive), a colon, two slashes.</summary>
    public static bool IsUrl(string text)
    {
        int end = text.IndexOf("://", StringComparison.Ordinal);
        return end > 1
            && char.IsAsciiLetter(text[0])
            && text.AsSpan(0, end).IndexOfAnyExcept("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-") < 0;
    }
}

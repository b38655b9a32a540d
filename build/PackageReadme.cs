#nullable enable
#if !DINO_TESTS
using System;
using System.IO;
#endif
using System.Text.RegularExpressions;

namespace Dino.Gpu.Build;

/// <summary>
/// The README of the repository as that of a package: links to files of the repository are absolute, since a package has
/// none of them. Where the repository's address is not known they become plain text, and pictures are left out.
/// </summary>
internal static class PackageReadme
{
    // Code is matched first, so that nothing in it is taken for a link.
    private static readonly Regex Links = new Regex(
        @"(?<code>^```.*?^```|`[^`\n]*`)|(?<picture>!?)\[(?<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?<target>[^)\s]+)\)",
        RegexOptions.Singleline | RegexOptions.Multiline | RegexOptions.CultureInvariant);

    /// <summary>Rewrites the links.</summary>
    /// <param name="readme">Markdown, of a file at the root of the repository.</param>
    /// <param name="repository">Its address, such as <c>https://github.com/OWNER/NAME.git</c>; empty if there is none.</param>
    /// <param name="commit">The commit that is packed; empty if there is none.</param>
    public static string Rewrite(string readme, string repository, string commit)
    {
        (string files, string pictures) = Roots(repository, commit);
        return Links.Replace(readme, link =>
        {
            string text = link.Groups["text"].Value, target = link.Groups["target"].Value;
            bool isPicture = link.Groups["picture"].Length > 0;
            if (link.Groups["code"].Success || target.StartsWith("#", StringComparison.Ordinal) || Regex.IsMatch(target, "^[a-z]+:"))
                return link.Value;
            if (files.Length == 0)
                return isPicture ? "" : text;
            return $"{(isPicture ? "!" : "")}[{text}]({(isPicture ? pictures : files)}{Regex.Replace(target, "^(\\./)+", "")})";
        });
    }

    /// <summary>What is put before the path of a file, and of a picture; empty if the host is not one that is known.</summary>
    private static (string Files, string Pictures) Roots(string repository, string commit)
    {
        if (commit.Length == 0 || !Uri.TryCreate(repository, UriKind.Absolute, out Uri? address) || address.Scheme != "https")
            return ("", "");
        string path = Regex.Replace(address.AbsolutePath.TrimEnd('/'), "\\.git$", "");
        string root = $"https://{address.Authority}{path}"; // without a password, if there is one
        if (address.Host == "github.com")
            return ($"{root}/blob/{commit}/", $"https://raw.githubusercontent.com{path}/{commit}/");
        return address.Host.StartsWith("gitlab.", StringComparison.Ordinal)
            ? ($"{root}/-/blob/{commit}/", $"{root}/-/raw/{commit}/")
            : ("", "");
    }
}

#if !DINO_TESTS
/// <summary>Writes it, for <c>dotnet pack</c>.</summary>
public sealed class WritePackageReadme : Microsoft.Build.Utilities.Task
{
    [Microsoft.Build.Framework.Required]
    public string Source { get; set; } = "";

    [Microsoft.Build.Framework.Required]
    public string Destination { get; set; } = "";

    public string Repository { get; set; } = "";

    public string Commit { get; set; } = "";

    public override bool Execute()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Destination)!);
        File.WriteAllText(Destination, PackageReadme.Rewrite(File.ReadAllText(Source), Repository ?? "", Commit ?? ""));
        return true;
    }
}
#endif

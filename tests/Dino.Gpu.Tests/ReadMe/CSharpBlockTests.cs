using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Dino.Gpu.Tests.ReadMe;

/// <summary>
/// Every C# block of every page is a whole program: it compiles against the libraries and ends with exit code 0, or a
/// comment says why it does not.
/// </summary>
public sealed class CSharpBlockTests
{
    /// <summary>What the SDK adds to every project with ImplicitUsings.</summary>
    private const string ImplicitUsings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    /// <summary>What it adds for Microsoft.NET.Sdk.Web.</summary>
    private const string WebUsings = """
        global using Microsoft.AspNetCore.Builder;
        global using Microsoft.AspNetCore.Hosting;
        global using Microsoft.AspNetCore.Http;
        global using Microsoft.AspNetCore.Routing;
        global using Microsoft.Extensions.Configuration;
        global using Microsoft.Extensions.DependencyInjection;
        global using Microsoft.Extensions.Hosting;
        global using Microsoft.Extensions.Logging;
        global using System.Net.Http.Json;
        """;

    private static readonly Lazy<MetadataReference[]> References = new(() =>
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
            .Split(Path.PathSeparator)
            .Select(file => MetadataReference.CreateFromFile(file))]);

    public static TheoryData<string, int> CompiledOnly => Places(block => block.IsCompiled && !block.IsRun);

    public static TheoryData<string, int> Run => Places(block => block.IsRun);

    [Theory(SkipTestWithoutData = true)] // where the repository is not around the tests
    [MemberData(nameof(CompiledOnly))]
    public void Block_compiles(string page, int line) => Assert.NotEmpty(Compile(Find(page, line)));

    [Theory(SkipTestWithoutData = true)] // where the repository is not around the tests
    [MemberData(nameof(Run))]
    public async Task Program_ends_well(string page, int line)
    {
        DocBlock block = Find(page, line);
        using var folder = new DocFolder();
        (int exitCode, string output) = await folder.RunAsync("dotnet", Command(folder, block));
        Assert.True(exitCode == 0, $"{block.Place}: exit code {exitCode}\n{output}");
    }

    /// <summary>The compiler is asked, and its answer is heard.</summary>
    [Fact]
    public void Block_that_does_not_compile_fails() => Assert.ThrowsAny<Xunit.Sdk.XunitException>(() =>
        Compile(new DocBlock("page.md", 1, "csharp", "using Dino.Gpu;\nDinoEncoder.Lod(\"synthetic\");", null)));

    /// <summary>Compiles a block into a folder.</summary>
    /// <returns>Arguments of <c>dotnet</c> that run it with the libraries and native files of the tests.</returns>
    internal static string[] Command(DocFolder folder, DocBlock block)
    {
        string program = folder.Path(string.Create(CultureInfo.InvariantCulture, $"block{block.Line}.dll"));
        File.WriteAllBytes(program, Compile(block));
        string tests = Path.Combine(AppContext.BaseDirectory, "Dino.Gpu.Tests");
        return ["exec", "--depsfile", tests + ".deps.json", "--runtimeconfig", tests + ".runtimeconfig.json", program];
    }

    private static byte[] Compile(DocBlock block)
    {
        string usings = ImplicitUsings + (block.Text.Contains("WebApplication", StringComparison.Ordinal) ? "\n" + WebUsings : "");
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        var compilation = CSharpCompilation.Create(
            $"block{block.Line}",
            [CSharpSyntaxTree.ParseText(usings, options), CSharpSyntaxTree.ParseText(block.Text, options)],
            References.Value,
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
        using var assembly = new MemoryStream();
        string[] problems = [.. compilation.Emit(assembly).Diagnostics
            .Where(found => found.Severity >= DiagnosticSeverity.Warning && found.Id != "CS8019")
            .Select(found => found.ToString())];
        Assert.True(problems.Length == 0, $"{block.Place}:\n{string.Join('\n', problems)}\n{block.Text}");
        return assembly.ToArray();
    }

    private static DocBlock Find(string page, int line) => DocPages.Blocks.Single(block => block.Page == page && block.Line == line);

    private static TheoryData<string, int> Places(Func<DocBlock, bool> which)
    {
        var places = new TheoryData<string, int>();
        foreach (DocBlock block in DocPages.Blocks.Where(block => block.IsCSharp && which(block)))
            places.Add(block.Page, block.Line);
        return places;
    }
}

using System.Text.Json.Serialization;

namespace Dino.Gpu.Classification;

/// <summary>The class names of a classifier as a JSON list, without reflection.</summary>
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class ClassNamesJson : JsonSerializerContext;
